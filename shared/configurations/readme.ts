import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { App } from '../app.ts'
import { selectOptionalConfiguration } from './queries.ts'

const MOST_UNPACKED_BYTES = 128 * 1024 * 1024
const MOST_README_BYTES = 256 * 1024

const plain = (path: string): string => path.replace(/^(\.\/)+/, '').replace(/\/+$/, '')

/**
 * The README.md beside the configuration that a workspace runs, as text; null when there is none, or none within the
 * first 128 MiB of the unpacked archive.
 */
export async function readReadme(app: App, configurationId: string, folder: string): Promise<string | null> {
  const configuration = await selectOptionalConfiguration(app.db, configurationId)
  if (!configuration?.blob_id || configuration.status !== 'uploaded') return null
  const wanted = `${plain(folder)}/readme.md`.replace(/^\//, '').toLowerCase()
  const parts: Buffer[] = []
  let found: 'no' | 'reading' | 'whole' = 'no'
  const parser = new Parser({ maxMetaEntrySize: 1024 * 1024 })
  parser.on('entry', (entry: ReadEntry) => {
    const isWanted = found === 'no' && plain(entry.path).toLowerCase() === wanted
    if (isWanted && entry.size <= MOST_README_BYTES && (entry.type === 'File' || entry.type === 'OldFile')) {
      found = 'reading'
      entry.on('data', (chunk: Buffer) => parts.push(Buffer.from(chunk)))
      entry.on('end', () => {
        found = 'whole'
      })
    }
    entry.resume()
  })
  let failure: Error | null = null
  parser.on('error', (error: Error) => {
    failure = error
  })
  const archive = await app.blobs.read(configuration.blob_id)
  const gunzip = createGunzip()
  archive.on('error', (error) => gunzip.destroy(error))
  archive.pipe(gunzip)
  let bytes = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length
      parser.write(chunk)
      if ((found as string) === 'whole' || failure || bytes > MOST_UNPACKED_BYTES) break
    }
  } finally {
    archive.destroy()
    gunzip.destroy()
  }
  return (found as string) === 'whole' ? Buffer.concat(parts).toString('utf8').replaceAll('\0', '') : null
}
