import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/**
 * A folder for streams on their way: what is on disk can be sent again after a connection broke, however large it is.
 * It holds states and plans, so only this user may look into it, and each file goes with its transfer.
 */
export interface Spool {
  /** Writes a stream to a file, uses it, and removes it. */
  through<T>(bytes: Readable, use: (file: { path: string; sizeBytes: number }) => Promise<T>): Promise<T>
  /** Writes what `fetch` brings to a file; the file is gone once the stream is open. null: it brought nothing. */
  read(fetch: (path: string) => Promise<boolean>): Promise<Readable | null>
  remove(): Promise<void>
}

export async function openSpool(workDir: string): Promise<Spool> {
  const folder = join(workDir, `agent-${process.pid}.spool`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const next = () => join(folder, randomUUID())
  return {
    async through(bytes, use) {
      const path = next()
      try {
        await pipeline(bytes, createWriteStream(path, { mode: 0o600 }))
        return await use({ path, sizeBytes: (await stat(path)).size })
      } finally {
        await rm(path, { force: true })
      }
    },
    async read(fetch) {
      const path = next()
      try {
        if (!(await fetch(path))) return null
        return (await open(path)).createReadStream()
      } finally {
        await unlink(path).catch(ignoreMissing)
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
