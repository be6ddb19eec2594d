import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { ModuleSources } from './module-reader.ts'

/** An archive that is not published; the message is for its author. */
export class WrongArchive extends Error {}

const MAX_ENTRIES = 100_000
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const MAX_README_BYTES = 256 * 1024

const configuration = /\.(tf|tofu)(\.json)?$/
/** Files of the root and of its submodules: what a registry shows. */
const shown = /^(modules\/[^/]+\/)?[^/]+$/
const readmeName = /^readme(\.md|\.markdown|\.txt)?$/i

export interface ArchiveContents {
  readme: string | null
  /** null when it is more than this server reads */
  sources: ModuleSources | null
}

/**
 * Reads a module's tar.gz once, with flat memory: proves that it is one that a CLI can unpack, and takes out the texts
 * that a registry shows.
 * @throws WrongArchive
 */
export async function readArchive(archive: Readable, limits: { maxBytes: number }): Promise<ArchiveContents> {
  const texts = new Texts()
  const parser = new Parser({ strict: true, maxMetaEntrySize: 1024 * 1024 })
  let failure: unknown
  parser.on('entry', (entry: ReadEntry) => {
    try {
      if (failure === undefined) texts.add(entry)
    } catch (error) {
      failure = error
    }
    entry.resume()
  })
  parser.on('error', (error: Error) => {
    failure ??= new WrongArchive(`The archive is damaged: ${error.message}`)
  })
  const gunzip = createGunzip()
  archive.on('error', (error) => gunzip.destroy(error))
  archive.pipe(gunzip)
  let bytes = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > limits.maxBytes) throw new WrongArchive(`The archive unpacks to more than ${limits.maxBytes} bytes.`)
      parser.write(chunk)
      if (failure !== undefined) throw failure
    }
    parser.end()
    if (failure !== undefined) throw failure
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error
    throw new WrongArchive('The upload is not a valid tar.gz archive.')
  } finally {
    archive.destroy()
  }
  if (!texts.hasConfiguration) throw new WrongArchive('The archive holds no .tf, .tf.json, .tofu or .tofu.json file.')
  return texts.contents()
}

class Texts {
  hasConfiguration = false
  private entries = 0
  private bytes = 0
  private readme: Buffer[] | null = null
  private readonly files = new Map<string, Buffer[]>()

  add(entry: ReadEntry): void {
    if (++this.entries > MAX_ENTRIES) throw new WrongArchive(`The archive has more than ${MAX_ENTRIES} entries.`)
    const path = entry.path.replace(/^(\.\/)+/, '')
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new WrongArchive(`The archive has an entry outside its root: ${JSON.stringify(entry.path.slice(0, 200))}`)
    if (entry.type !== 'File' && entry.type !== 'OldFile') return
    const isConfiguration = configuration.test(path)
    this.hasConfiguration ||= isConfiguration
    if (!shown.test(path)) return
    if (readmeName.test(path) && (entry.size ?? 0) <= MAX_README_BYTES) this.readme = collect(entry)
    if (!isConfiguration) return
    this.bytes += entry.size ?? 0
    if (this.bytes <= MAX_TEXT_BYTES) this.files.set(path, collect(entry))
  }

  contents(): ArchiveContents {
    const text = (parts: Buffer[]) => Buffer.concat(parts).toString('utf8').replaceAll('\0', '')
    return {
      readme: this.readme && text(this.readme),
      sources:
        this.bytes > MAX_TEXT_BYTES
          ? null
          : Object.fromEntries([...this.files].map(([path, parts]) => [path, text(parts)])),
    }
  }
}

function collect(entry: ReadEntry): Buffer[] {
  const parts: Buffer[] = []
  entry.on('data', (chunk: Buffer) => parts.push(Buffer.from(chunk)))
  return parts
}
