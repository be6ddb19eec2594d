import { parentPort } from 'node:worker_threads'
import { StateReader, type StateResource } from '../../shared/states/contents.ts'
import type { Read } from './state-process.ts'

/** The thread of state-process.ts: a piece of the state comes in, what was read of it goes out; null is the end. */
let batches: StateResource[][] = []
const reader = new StateReader((batch) => batches.push(batch))

parentPort!.on('message', (piece: Uint8Array | null) => {
  const read: Read = { batches: [] }
  if (piece) reader.feed(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
  else read.summary = reader.end()
  read.batches = batches
  batches = []
  parentPort!.postMessage(read)
})
