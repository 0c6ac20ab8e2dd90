// What carries the calls of a test run: LATCHKEY_TEST_TRANSPORT=grpc-js runs the same tests over the other transport.

export const TEST_TRANSPORT: 'lane' | 'grpc-js' =
  process.env['LATCHKEY_TEST_TRANSPORT'] === 'grpc-js' ? 'grpc-js' : 'lane'
