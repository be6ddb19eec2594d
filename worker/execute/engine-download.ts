import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createMessage, readKey, readSignature, verify } from 'openpgp'
import { openPromise } from 'yauzl'

interface Publisher {
  base: (version: string) => string
  /** archive and checksum file names */
  zip: (version: string, platform: string) => string
  sums: (version: string) => string
  signature: (version: string) => string
  key: URL
}

const publishers: Record<'terraform' | 'tofu', Publisher> = {
  terraform: {
    base: (version) => `https://releases.hashicorp.com/terraform/${version}/`,
    zip: (version, platform) => `terraform_${version}_${platform}.zip`,
    sums: (version) => `terraform_${version}_SHA256SUMS`,
    signature: (version) => `terraform_${version}_SHA256SUMS.72D7468F.sig`,
    key: new URL('./keys/hashicorp.asc', import.meta.url),
  },
  tofu: {
    base: (version) => `https://github.com/opentofu/opentofu/releases/download/v${version}/`,
    zip: (version, platform) => `tofu_${version}_${platform}.zip`,
    sums: (version) => `tofu_${version}_SHA256SUMS`,
    signature: (version) => `tofu_${version}_SHA256SUMS.gpgsig`,
    key: new URL('./keys/opentofu.asc', import.meta.url),
  },
}

const MAX_ZIP_BYTES = 512 * 1024 * 1024
const MAX_BINARY_BYTES = 1024 * 1024 * 1024
const MAX_SMALL_BYTES = 256 * 1024
const TIMEOUT_MS = 10 * 60_000

/** One download per version at a time in this process; two processes both download and the rename decides. */
const underWay = new Map<string, Promise<void>>()

/** Downloads, checks and publishes `<engineDir>/<name>/<version>/<name>`. */
export function downloadEngine(
  name: 'terraform' | 'tofu',
  version: string,
  engineDir: string,
  signal?: AbortSignal,
  archives?: Archive[],
): Promise<void> {
  const key = join(engineDir, name, version)
  const running = underWay.get(key) ?? download(name, version, engineDir, archives).finally(() => underWay.delete(key))
  underWay.set(key, running)
  // A phase that stops leaves; the download goes on for whoever wants the version next.
  return signal ? Promise.race([running, aborted(signal)]) : running
}

/** An archive for one platform, as site admins name it. */
export interface Archive {
  os: string
  arch: string
  url: string
  /** SHA-256, hexadecimal */
  sha: string
}

/** Where the archive is and what its checksum must be. */
async function archiveOf(
  name: 'terraform' | 'tofu',
  version: string,
  archives: Archive[] | undefined,
  signal: AbortSignal,
): Promise<{ url: string; sha: string }> {
  if (archives?.length) {
    const found = archives.find((a) => `${a.os}_${a.arch}` === platform())
    if (!found) throw new Error(`the version has no archive for ${platform()}`)
    return found
  }
  const from = publishers[name]
  const [sums, signature] = await Promise.all([
    fetchSmall(from.base(version) + from.sums(version), signal),
    fetchSmall(from.base(version) + from.signature(version), signal),
  ])
  await verifySums(sums, signature, await readFile(from.key, 'utf8'))
  const zip = from.zip(version, platform())
  return { url: from.base(version) + zip, sha: expectedSum(sums.toString('utf8'), zip) }
}

async function download(
  name: 'terraform' | 'tofu',
  version: string,
  engineDir: string,
  archives?: Archive[],
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const part = join(engineDir, `.part-${randomUUID()}`)
  await mkdir(part, { recursive: true, mode: 0o755 })
  try {
    const archive = await archiveOf(name, version, archives, signal)
    const zipPath = join(part, 'engine.zip')
    const answer = await get(archive.url, signal)
    await pipeline(limited(answer.body, MAX_ZIP_BYTES), createWriteStream(zipPath), { signal })
    const actual = createHash('sha256')
    await pipeline(createReadStream(zipPath), actual)
    if (actual.digest('hex') !== archive.sha.toLowerCase())
      throw new Error(`the checksum of ${archive.url} does not match`)
    await mkdir(join(part, 'out'))
    await extractBinary(zipPath, name, join(part, 'out', name))
    await mkdir(join(engineDir, name), { recursive: true })
    await rename(join(part, 'out'), join(engineDir, name, version)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(part, { recursive: true, force: true })
  }
}

/** @throws when the checksum file is not signed by the publisher's key */
export async function verifySums(sums: Buffer, signature: Buffer, armoredKey: string): Promise<void> {
  const result = await verify({
    message: await createMessage({ binary: new Uint8Array(sums) }),
    signature: await readSignature({ binarySignature: new Uint8Array(signature) }),
    verificationKeys: await readKey({ armoredKey }),
  })
  const checks = await Promise.allSettled(result.signatures.map((one) => one.verified))
  if (!checks.some((check) => check.status === 'fulfilled' && check.value)) {
    throw new Error('the checksum file is not signed by the publisher')
  }
}

/** The sha256 (hex) of one file in a `SHA256SUMS` file. */
export function expectedSum(sums: string, file: string): string {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/)
    if (name === file && sum && /^[0-9a-f]{64}$/.test(sum)) return sum
  }
  throw new Error(`the publisher has no ${file}`)
}

/** Writes the one entry `name` of a zip as an executable file. */
export async function extractBinary(zipPath: string, name: string, to: string): Promise<void> {
  const zip = await openPromise(zipPath, { lazyEntries: true })
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== name) continue
      const content = await zip.openReadStreamPromise(entry)
      await pipeline(limited(content, MAX_BINARY_BYTES), createWriteStream(to, { mode: 0o755, flags: 'wx' }))
      return
    }
  } finally {
    zip.close()
  }
  throw new Error(`the archive has no ${name}`)
}

async function get(url: string, signal: AbortSignal): Promise<{ body: Readable }> {
  const answer = await fetch(url, { signal, redirect: 'follow' }).catch((error: Error) => {
    const cause = error.cause instanceof Error ? error.cause.message : error.message
    throw new Error(`${new URL(url).host} could not be reached (${cause})`)
  })
  if (!answer.ok || !answer.body) throw new Error(`${url} answered ${answer.status}`)
  return { body: Readable.fromWeb(answer.body as import('node:stream/web').ReadableStream) }
}

async function fetchSmall(url: string, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of limited((await get(url, signal)).body, MAX_SMALL_BYTES)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* limited(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`a download is larger than ${maxBytes} bytes`)
    yield chunk
  }
}

/** The platform in the publishers' and in the log's words, such as linux_amd64. */
export function platform(): string {
  const arch = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }[process.arch as string] ?? process.arch
  return `${process.platform === 'win32' ? 'windows' : process.platform}_${arch}`
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
