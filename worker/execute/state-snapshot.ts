import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, open, readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

const PARSED_BYTES = 1024 * 1024
const HEAD_BYTES = 4096

export interface StateSnapshot {
  path: string
  serial: number
  lineage: string
  md5: string
  sizeBytes: number
}

/** What tells one version of a file from another without reading it. */
export interface FileVersion {
  mtimeMs: number
  sizeBytes: number
}

/** undefined when the file is missing or empty (tofu creates it empty) */
export async function fileVersion(path: string): Promise<FileVersion | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return found && found.size > 0 ? { mtimeMs: found.mtimeMs, sizeBytes: found.size } : undefined
}

/** Copies the state file, which its engine may be writing; undefined when the copy is not a whole state. */
export async function takeSnapshot(stateFile: string, copy: string): Promise<StateSnapshot | undefined> {
  const before = await fileVersion(stateFile)
  if (!before) return undefined
  await copyFile(stateFile, copy)
  const after = await fileVersion(stateFile)
  if (after?.mtimeMs !== before.mtimeMs || after.sizeBytes !== before.sizeBytes) return undefined
  const identity = await readIdentity(copy, before.sizeBytes)
  if (!identity) return undefined
  const md5 = createHash('md5')
  await pipeline(createReadStream(copy), md5)
  return { path: copy, ...identity, md5: md5.digest('hex'), sizeBytes: before.sizeBytes }
}

/**
 * Serial and lineage, when the file is complete. A small file is parsed. In a big one both stand in the head, and only
 * a complete file ends with the closing brace of the document: at column 0 in the engines' indented form, or as the
 * last byte of the single line that tofu's state encryption writes (whose payload is base64).
 */
async function readIdentity(path: string, sizeBytes: number) {
  if (sizeBytes <= PARSED_BYTES) return identityOf(await readFile(path, 'utf8'))
  const file = await open(path)
  try {
    const head = (await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)).buffer.toString('utf8')
    const tail = (await file.read(Buffer.alloc(8), 0, 8, sizeBytes - 8)).buffer.toString('latin1').trimEnd()
    if (!tail.endsWith(head.includes('\n') ? '\n}' : '}')) return undefined
    const serial = /"serial":\s*(\d+)/.exec(head)
    const lineage = /"lineage":\s*("(?:[^"\\]|\\.)*")/.exec(head)
    return serial && lineage ? { serial: Number(serial[1]), lineage: JSON.parse(lineage[1]!) as string } : undefined
  } finally {
    await file.close()
  }
}

function identityOf(text: string): { serial: number; lineage: string } | undefined {
  try {
    const { serial, lineage } = JSON.parse(text)
    return Number.isInteger(serial) && typeof lineage === 'string' ? { serial, lineage } : undefined
  } catch {
    return undefined // half written
  }
}
