// What an SDK is told to do through Envoy, and what became of it.

export type SdkCall = Readonly<{
  /** Unique; travels in the header CASE_HEADER, by which requests are counted at Envoy. */
  name: string
  /** A client class of the SDK, as its documentation calls it. */
  client: string
  how: How
  /** Of Envoy: `http://HOST:PORT`. */
  url: string
  secret: string
  model: string
  said: string
  /** For SDKs that retry only when told. */
  retries: boolean
}>

export type SdkOutcome = Readonly<{
  name: string
  /** What the model said, all of it; numbers and names with commas between. */
  answer?: string
  error?: SdkError
}>

export type SdkError = Readonly<{
  /** Name of the SDK's own class. */
  class: string
  status: number | null
  /** Where the SDK shows our reason; Google's show none. */
  code: string | null
  /** The provider's own sort of error; Google's status. */
  type: string | null
  message: string
  requestId: string | null
}>

/** What is asked for: an answer that is whole, one that streams, or what else an SDK has a method for. */
export type How =
  | 'whole'
  | 'stream'
  | 'response'
  | 'response, streamed'
  | 'embedding'
  | 'tokens'
  | 'models'
  | 'model'
  | 'files'

/** Does all of them at once. */
export type SdkRunner = Readonly<{
  run(calls: readonly SdkCall[]): Promise<readonly SdkOutcome[]>
  close(): Promise<void>
}>

export const CASE_HEADER = 'x-sdk-case'
