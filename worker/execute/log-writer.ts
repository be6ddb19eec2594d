import { EventEmitter, once } from 'node:events'
import { SecretMask } from './secret-mask.ts'

const FLUSH_BYTES = 64 * 1024
const FLUSH_MS = 50
const MAX_BUFFERED_BYTES = 1024 * 1024

/**
 * Sends the bytes of a phase's log in order, in batches: at once when nothing went out for 50 ms, else after these or
 * 64 KiB. Bytes pass unchanged but for known secrets, wherever a chunk is cut. At most one send is under way.
 */
export class LogWriter {
  readonly #send: (bytes: Buffer) => Promise<void>
  readonly #events = new EventEmitter()
  readonly #mask: SecretMask
  #chunks: Buffer[] = []
  #bufferedBytes = 0
  #sending = false
  /** The head of a log waits too: the engine starts meanwhile. */
  #lastSentAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #error: Error | undefined

  /** @param onError called once, when a send failed; later writes are dropped */
  constructor(
    send: (bytes: Buffer) => Promise<void>,
    onError: (error: Error) => void,
    mask: SecretMask = new SecretMask([]),
  ) {
    this.#send = send
    this.#mask = mask
    this.#events.setMaxListeners(0)
    this.#events.once('failed', onError)
  }

  write(chunk: Buffer | string): void {
    if (this.#error) return
    this.#keep(this.#mask.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  }

  /** More secrets, before anything that may hold them is written. */
  hide(secrets: readonly string[]): void {
    this.#mask.add(secrets)
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#bufferedBytes += bytes.length
    this.#schedule()
  }

  /** True when the reader of the engine's output should pause until `drained()`. */
  get isFull(): boolean {
    return this.#bufferedBytes > MAX_BUFFERED_BYTES && !this.#error
  }

  /** Resolves when everything written so far is sent, or sending has failed. */
  async drained(): Promise<void> {
    while (!this.#error && (this.#sending || this.#bufferedBytes > 0)) {
      if (!this.#sending) void this.#flush()
      await once(this.#events, 'sent')
    }
  }

  /** @throws the error of a failed send */
  async end(): Promise<void> {
    if (!this.#error) this.#keep(this.#mask.flush())
    await this.drained()
    clearTimeout(this.#timer)
    if (this.#error) throw this.#error
  }

  #schedule(): void {
    if (this.#sending || this.#bufferedBytes === 0) return
    const dueMs = this.#bufferedBytes >= FLUSH_BYTES ? 0 : this.#lastSentAt + FLUSH_MS - performance.now()
    clearTimeout(this.#timer)
    if (dueMs <= 0) void this.#flush()
    else this.#timer = setTimeout(() => void this.#flush(), dueMs)
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#sending || this.#bufferedBytes === 0 || this.#error) return
    const batch = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#bufferedBytes = 0
    this.#sending = true
    try {
      await this.#send(batch)
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
      this.#chunks = []
      this.#bufferedBytes = 0
      this.#events.emit('failed', this.#error)
    }
    this.#sending = false
    this.#lastSentAt = performance.now()
    this.#events.emit('sent')
    this.#schedule()
  }
}
