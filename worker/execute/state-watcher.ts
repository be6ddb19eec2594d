import { createHash } from 'node:crypto'
import { createReadStream, type FSWatcher, watch } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import type { StateUpload } from '../../shared/phase.ts'
import { type FileVersion, fileVersion, type StateSnapshot, takeSnapshot } from './state-snapshot.ts'

const LOOK_MS = 250
/** Between two uploads while the engine works: an apply of hundreds of resources writes hundreds of states. */
const PAUSE_MS = 1000

export interface StateWatcherOptions {
  stateFile: string
  /** a path for the copy that is uploaded */
  copy: string
  /** the state the apply began with, null when there was none */
  before: { serial: number; lineage: string } | null
  maxBytes: number
  upload: (meta: StateUpload, bytes: Readable) => Promise<void>
  /** an upload during the apply failed; the next one will be tried */
  onError: (error: unknown) => void
}

/** Uploads the engine's local state: each settled new serial while it works, and the last state at the end. */
export class StateWatcher {
  readonly #options: StateWatcherOptions
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined
  #poll: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #isBusy = false
  #ended = false
  #seen: FileVersion | undefined
  #uploaded: { md5: string; serial: number } | null

  constructor(options: StateWatcherOptions) {
    this.#options = options
    this.#uploaded = options.before && { md5: '', serial: options.before.serial }
  }

  async start(): Promise<void> {
    this.#seen = await fileVersion(this.#options.stateFile)
    // The watch wakes early; where it does not work (network file systems), the poll finds the change.
    this.#watcher = watch(dirname(this.#options.stateFile), () => this.#schedule(LOOK_MS / 5))
    this.#watcher.on('error', this.#options.onError)
    this.#poll = setInterval(() => this.#schedule(0), LOOK_MS)
  }

  /**
   * Ends the watch and uploads the final state, when the apply changed it.
   * @returns whether a state was uploaded
   * @throws when the final state cannot be read or stored; the file is then the only copy
   */
  async finish(): Promise<boolean> {
    this.stop()
    await this.#looking
    if (!(await fileVersion(this.#options.stateFile))) return false
    const snapshot = await takeSnapshot(this.#options.stateFile, this.#options.copy)
    if (!snapshot) throw new Error('the state that the engine left is not complete')
    const { before } = this.#options
    // The engines raise the serial whenever the content changes; the bytes may differ in form alone.
    if (snapshot.serial === before?.serial && snapshot.lineage === before.lineage) return false
    if (snapshot.md5 !== this.#uploaded?.md5 && snapshot.serial <= (this.#uploaded?.serial ?? -1)) {
      await this.#upload(await withSerial(snapshot, this.#uploaded!.serial + 1), false)
    } else {
      await this.#upload(snapshot, false)
    }
    return true
  }

  /** Ends the watch without a last upload. */
  stop(): void {
    this.#ended = true
    this.#watcher?.close()
    clearInterval(this.#poll)
    clearTimeout(this.#timer)
  }

  #schedule(delayMs: number): void {
    if (this.#ended || this.#isBusy || this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#isBusy = true
      this.#looking = this.#look()
        .catch(this.#options.onError)
        .finally(() => {
          this.#isBusy = false
        })
    }, delayMs)
  }

  async #look(): Promise<void> {
    const version = await fileVersion(this.#options.stateFile)
    if (!version || (version.mtimeMs === this.#seen?.mtimeMs && version.sizeBytes === this.#seen.sizeBytes)) return
    const snapshot = await takeSnapshot(this.#options.stateFile, this.#options.copy)
    if (!snapshot || this.#ended) return
    if (snapshot.serial > (this.#uploaded?.serial ?? -1)) {
      await this.#upload(snapshot, true)
      await new Promise((resolve) => this.#pause(resolve))
    }
    this.#seen = version
  }

  /** Ends early when the watch ends: the final upload must not wait for it. */
  #pause(resolve: (value: unknown) => void): void {
    const until = performance.now() + PAUSE_MS
    const tick = () => (this.#ended || performance.now() >= until ? resolve(undefined) : setTimeout(tick, 10))
    tick()
  }

  async #upload(snapshot: StateSnapshot, intermediate: boolean): Promise<void> {
    const { serial, lineage, md5, sizeBytes } = snapshot
    if (sizeBytes > this.#options.maxBytes) {
      throw new Error(`the state has ${sizeBytes} bytes, more than TOFUTF_MAX_STATE_MB allows`)
    }
    await this.#options.upload({ serial, lineage, md5, sizeBytes, intermediate }, createReadStream(snapshot.path))
    this.#uploaded = { md5, serial }
  }
}

/** The same state under a later serial: the server takes no second content for one serial. */
async function withSerial(snapshot: StateSnapshot, serial: number): Promise<StateSnapshot> {
  const text = (await readFile(snapshot.path, 'utf8')).replace(/("serial":\s*)\d+/, `$1${serial}`)
  await rm(snapshot.path)
  await writeFile(snapshot.path, text, { mode: 0o600 })
  const md5 = createHash('md5').update(text).digest('hex')
  return { ...snapshot, serial, md5, sizeBytes: Buffer.byteLength(text) }
}
