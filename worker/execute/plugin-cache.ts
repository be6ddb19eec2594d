import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { listProviders, subfolders } from './cli-config.ts'

/**
 * Two `init` at once may corrupt a plugin cache that both write. So each phase has a cache folder of its own that is
 * full of links into the shared one, and what its init had to download moves into the shared one afterwards, by
 * rename. Nobody ever writes into a package of the shared cache.
 *
 * Layout of both: `<host>/<namespace>/<type>/<version>/<os_arch>/`, the engines' own. Beside a shared package lies
 * `<os_arch>.h1` with its hash in the lock file's form.
 */
export async function linkPluginCache(shared: string, own: string, lockFile: string): Promise<void> {
  await mkdir(own, { mode: 0o700 })
  const locked = parseLockFile(await readFile(lockFile, 'utf8').catch(() => ''))
  const providers = await listProviders(shared)
  await Promise.all(
    (await packagesOf(shared, providers)).map(async (found) => {
      // A package that the lock file does not know by this hash is installed anew (and checked) by the engine,
      // which would write through a link.
      const lock = locked.get(found.provider)
      if (lock?.version === found.version) {
        const hash = await readFile(join(shared, `${found.path}.h1`), 'utf8').catch(() => undefined)
        if (hash === undefined || !lock.hashes.has(hash)) return
      }
      await mkdir(join(own, found.path, '..'), { recursive: true })
      await symlink(join(shared, found.path), join(own, found.path))
    }),
  )
}

/**
 * Copies what init downloaded into the shared cache; a package that another phase has published meanwhile stays.
 *
 * @param lockText the lock file as init left it, read before any code of the configuration ran: only a package with
 *   a hash of that file gets into the cache that other phases use
 */
export async function publishPlugins(own: string, shared: string, lockText: string): Promise<number> {
  let published = 0
  const locked = parseLockFile(lockText)
  for (const found of await packagesOf(own, await listProviders(own))) {
    const from = join(own, found.path)
    const to = join(shared, found.path)
    // A link leads into the shared cache or into the provider mirror already.
    if ((await lstat(from)).isSymbolicLink()) continue
    if (await lstat(to).catch(() => undefined)) continue
    // No `h1:` of it in the lock file: nothing to hold the package against.
    if (!locked.get(found.provider)?.hashes.size) continue
    await mkdir(join(to, '..'), { recursive: true, mode: 0o700 })
    const part = join(shared, `.part-${randomUUID()}`)
    try {
      // Copied: the phase that goes on uses its own, and removes it with its folder.
      await cp(from, part, { recursive: true, mode: COPY_ON_WRITE })
      const hash = await hashPackage(part)
      if (!locked.get(found.provider)?.hashes.has(hash)) continue
      await writeFile(`${part}.h1`, hash)
      await rename(`${part}.h1`, `${to}.h1`)
      await rename(part, to)
      published++
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    } finally {
      await rm(part, { recursive: true, force: true })
    }
  }
  return published
}

const COPY_ON_WRITE = 2 // fs.constants.COPYFILE_FICLONE: shares the blocks where the file system can

async function packagesOf(folder: string, providers: string[]) {
  const found: { provider: string; version: string; path: string }[] = []
  for (const provider of providers) {
    for (const version of await subfolders(join(folder, provider))) {
      for (const platform of await subfolders(join(folder, provider, version))) {
        if (!platform.includes('.')) found.push({ provider, version, path: join(provider, version, platform) })
      }
    }
  }
  return found
}

/** Version and `h1:` hashes of each provider in a dependency lock file, which the engines write one item a line. */
export function parseLockFile(text: string): Map<string, { version: string; hashes: Set<string> }> {
  const locked = new Map<string, { version: string; hashes: Set<string> }>()
  for (const block of text.split(/^provider /m).slice(1)) {
    const provider = /^"([^"]+)"/.exec(block)?.[1]
    const version = /^\s*version\s*=\s*"([^"]+)"/m.exec(block)?.[1]
    if (provider && version) locked.set(provider, { version, hashes: new Set(block.match(/h1:[A-Za-z0-9+/=]+/g)) })
  }
  return locked
}

/** The `h1:` hash of an unpacked package. Source: golang.org/x/mod/sumdb/dirhash, Hash1. */
export async function hashPackage(folder: string): Promise<string> {
  const lines: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) throw new Error(`a provider package has a link: ${await readlink(path)}`)
    if (!entry.isFile()) continue
    const file = createHash('sha256')
    await pipeline(createReadStream(path), file)
    lines.push(`${relative(folder, path)}\0${file.digest('hex')}`)
  }
  const sum = createHash('sha256')
  for (const line of lines.sort()) {
    const [name, hex] = line.split('\0')
    sum.update(`${hex}  ${name}\n`)
  }
  return `h1:${sum.digest('base64')}`
}
