import { problem } from './errors.ts'

/** Bytes that a client sends. `complete` says, once they end, whether all of them came. */
export interface Upload extends AsyncIterable<Uint8Array> {
  readonly complete: boolean
}

/** The bytes of an upload. @throws problem 'bad_request' when it breaks off: what came before is not to be kept */
export async function* wholeUpload(upload: Upload): AsyncGenerator<Uint8Array> {
  const broken = () => problem('bad_request', 'The upload broke off before its end. Send it again.')
  try {
    yield* upload
  } catch (error) {
    if (!upload.complete) throw broken()
    throw error
  }
  if (!upload.complete) throw broken()
}
