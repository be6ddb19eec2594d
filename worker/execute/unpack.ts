import { chmodSync, closeSync, linkSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { assertLinkStaysInside, quote } from './archive-links.ts'
import { messageOf, PhaseFailure } from './failure.ts'

/** Files, folders and links of one archive. */
export const MAX_ENTRIES = 100_000

/**
 * Unpacks a tar.gz below `root` (an empty folder). Nothing is ever created outside: names with `..`, a leading slash
 * or a backslash, links that leave the root, devices and FIFOs end it with an error that names the entry; set-id bits
 * are dropped. Symbolic links are created last, so no entry can be written through one.
 *
 * Files are written synchronously, one decompressed chunk (16 KiB) at a time: memory stays flat, and between chunks
 * other phases go on.
 *
 * @throws PhaseFailure naming the entry or the limit
 */
export async function unpack(
  archive: Readable,
  root: string,
  limits: { maxBytes: number; maxEntries?: number },
  signal?: AbortSignal,
): Promise<void> {
  const tree = new Tree(root, limits.maxEntries ?? MAX_ENTRIES)
  // gzip: false: this function counts what the decompressor puts out, so the parser must not decompress by itself.
  const parser = new Parser({ strict: true, maxMetaEntrySize: 1024 * 1024 })
  let failure: unknown
  parser.on('entry', (entry: ReadEntry) => {
    try {
      if (failure === undefined) tree.add(entry)
    } catch (error) {
      failure = error
    }
    entry.resume()
  })
  parser.on('error', (error: unknown) => {
    failure ??= new PhaseFailure(`The configuration archive is damaged: ${messageOf(error)}`)
  })

  const gunzip = createGunzip()
  archive.on('error', (error) => gunzip.destroy(error))
  signal?.addEventListener('abort', () => archive.destroy(new Error('stopped')), { once: true })
  archive.pipe(gunzip)
  let bytes = 0
  let hasEntries = false
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > limits.maxBytes) {
        throw new PhaseFailure(
          `The configuration unpacks to more than ${limits.maxBytes} bytes (TOFUTF_MAX_UNPACKED_MB)`,
        )
      }
      // An archive without entries is nothing but zeros, which the parser takes for no archive at all.
      hasEntries ||= chunk.some((byte) => byte !== 0)
      if (hasEntries) parser.write(chunk)
      if (failure !== undefined) throw failure
    }
    if (hasEntries) parser.end()
    if (failure !== undefined) throw failure
    tree.finish()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) {
      throw new PhaseFailure(`The configuration archive is not a valid tar.gz: ${messageOf(error)}`)
    }
    throw error
  } finally {
    tree.close()
    archive.destroy()
  }
}

/** The tree under construction; owns the file that is being written. */
class Tree {
  readonly root: string
  readonly maxEntries: number
  entries = 0
  open = new Set<number>()
  readonly files = new Set<string>()
  readonly links = new Map<string, string>()
  readonly folderModes = new Map<string, number>()

  constructor(root: string, maxEntries: number) {
    this.root = root
    this.maxEntries = maxEntries
  }

  add(entry: ReadEntry): void {
    if (entry.type === 'GlobalExtendedHeader') return
    if (++this.entries > this.maxEntries) {
      throw new PhaseFailure(`The configuration archive has more than ${this.maxEntries} entries`)
    }
    const path = safePath(entry.path)
    switch (entry.type) {
      case 'Directory':
      case 'GNUDumpDir':
        if (path === '') return
        this.folder(path, path)
        this.folderModes.set(path, (entry.mode ?? 0o755) & 0o777)
        return
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        this.file(path, entry)
        return
      case 'SymbolicLink':
        this.makeWay(path)
        this.links.set(path, entry.linkpath ?? '')
        return
      case 'Link': {
        const target = safePath(entry.linkpath ?? '')
        if (!this.files.has(target)) {
          throw new PhaseFailure(
            `The configuration archive has a hard link to something outside it: ${quote(entry.path)}`,
          )
        }
        this.makeWay(path)
        linkSync(join(this.root, target), join(this.root, path))
        this.files.add(path)
        return
      }
      default:
        throw new PhaseFailure(
          `The configuration archive has a ${entry.type}, which is not allowed: ${quote(entry.path)}`,
        )
    }
  }

  file(path: string, entry: ReadEntry): void {
    this.makeWay(path)
    const mode = ((entry.mode ?? 0o644) & 0o777) | 0o600
    const fd = openSync(join(this.root, path), 'wx', mode)
    this.open.add(fd)
    this.files.add(path)
    entry.on('data', (chunk: Buffer) => {
      // After a failure the tree is closed while the parser still drains what it holds.
      if (this.open.has(fd)) writeSync(fd, chunk)
    })
    entry.on('end', () => {
      if (this.open.delete(fd)) closeSync(fd)
    })
  }

  /** Makes the parent folders; a later entry of the same name replaces the earlier one, as tar does. */
  makeWay(path: string): void {
    if (path === '') throw new PhaseFailure('The configuration archive replaces its own root')
    this.folder(dirname(path) === '.' ? '' : dirname(path), path)
    if (this.links.delete(path)) return
    if (this.files.delete(path)) rmSync(join(this.root, path))
  }

  folder(path: string, entryPath: string): void {
    for (let at = path; at !== '' && at !== '.'; at = dirname(at)) {
      if (this.links.has(at)) {
        throw new PhaseFailure(`The configuration archive writes through a link: ${quote(entryPath)}`)
      }
    }
    if (path !== '') mkdirSync(join(this.root, path), { recursive: true, mode: 0o755 })
  }

  finish(): void {
    for (const path of this.links.keys()) assertLinkStaysInside(this.links, path)
    for (const [path, target] of this.links) symlinkSync(target, join(this.root, path))
    // Last, so that a read-only folder can still be filled; the owner keeps access, or it could not be removed.
    for (const [path, mode] of this.folderModes) chmodSync(join(this.root, path), mode | 0o700)
  }

  close(): void {
    for (const fd of this.open) closeSync(fd)
    this.open.clear()
  }
}

/** The entry's path without `./` and doubled slashes, '' for the root itself. */
function safePath(name: string): string {
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (name.startsWith('/') || name.includes('\\') || name.includes('\0') || segments.includes('..')) {
    throw new PhaseFailure(`The configuration archive has an entry whose name leaves it: ${quote(name)}`)
  }
  return segments.join('/')
}
