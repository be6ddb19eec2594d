import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { c as createTar } from 'tar'
import {
  ClaimLost,
  type PhaseHandle,
  type PhaseResult,
  type PhaseWork,
  type PlanArtifact,
  type StateUpload,
} from '../../shared/phase.ts'

/** A phase held in memory: what a transport would store is readable here. */
export class MemoryPhase implements PhaseHandle {
  readonly work: PhaseWork
  archive: Buffer
  currentState: Buffer | undefined
  readonly artifacts = new Map<PlanArtifact, Buffer>()
  readonly uploads: (StateUpload & { bytes: Buffer; atMs: number })[] = []
  readonly results: PhaseResult[] = []
  readonly chunks: Buffer[] = []
  claimLost = false
  onLog: (text: string) => void = () => {}
  uploadFailures = 0
  readonly #abort = new AbortController()
  readonly #listeners: ((wish: 'cancel' | 'force' | 'lost') => void)[] = []

  constructor(work: PhaseWork, archive: Buffer) {
    this.work = work
    this.archive = archive
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get logText(): string {
    return Buffer.concat(this.chunks).toString()
  }

  get result(): PhaseResult {
    if (this.results.length !== 1) throw new Error(`finished ${this.results.length} times`)
    return this.results[0]!
  }

  stop(wish: 'cancel' | 'force' | 'lost'): void {
    if (wish === 'lost') this.claimLost = true
    this.#abort.abort(wish)
    for (const listener of this.#listeners) listener(wish)
  }

  onStop(listener: (wish: 'cancel' | 'force' | 'lost') => void): void {
    this.#listeners.push(listener)
  }

  async configuration(): Promise<Readable> {
    return Readable.from(chunksOf(this.archive))
  }

  async state(): Promise<Readable> {
    return Readable.from(chunksOf(this.currentState!))
  }

  async artifact(name: PlanArtifact): Promise<Readable | null> {
    const bytes = this.artifacts.get(name)
    return bytes ? Readable.from(chunksOf(bytes)) : null
  }

  async log(bytes: Buffer): Promise<void> {
    this.#check()
    await new Promise((resolve) => setTimeout(resolve, 1))
    this.chunks.push(bytes)
    this.onLog(bytes.toString())
  }

  async keep(name: PlanArtifact, bytes: Readable): Promise<void> {
    this.#check()
    this.artifacts.set(name, await buffer(bytes))
  }

  async uploadState(meta: StateUpload, bytes: Readable): Promise<void> {
    this.#check()
    if (this.uploadFailures > 0) {
      this.uploadFailures--
      bytes.destroy()
      throw new Error('the server is away')
    }
    const content = await buffer(bytes)
    if (createHash('md5').update(content).digest('hex') !== meta.md5) throw new Error('md5 does not match')
    if (content.length !== meta.sizeBytes) throw new Error('size does not match')
    this.uploads.push({ ...meta, bytes: content, atMs: performance.now() })
  }

  async finish(result: PhaseResult): Promise<void> {
    this.#check()
    this.results.push(result)
  }

  #check(): void {
    if (this.claimLost) throw new ClaimLost()
  }
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536)
}

/** A tar.gz of files given by path and content. */
export async function archiveOf(files: Record<string, string>): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-archive-'))
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    return await buffer(
      createTar({ cwd: folder, gzip: true, portable: true }, ['.']) as unknown as AsyncIterable<Buffer>,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}
