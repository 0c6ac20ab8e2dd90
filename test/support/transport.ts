// What carries the calls of a test run: LATCHKEY_TEST_TRANSPORT=lane runs the same tests over the lane.

export const TEST_TRANSPORT: 'lane' | 'grpc-js' =
  process.env['LATCHKEY_TEST_TRANSPORT'] === 'lane' ? 'lane' : 'grpc-js'
