// Builds the real clients of the tests from the Go module proxy: `npm run clients`.
// Results lie outside the checkout and are named by a hash of their sources, so that any clone on the machine shares them.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'

interface Part {
  /** The Go module beside this file. */
  module: string
  packages: readonly string[]
  /** The linker setting that makes the version read 1.2.3 and not 1.2.3-dev. */
  release?: string
}

const parts = {
  tofu: {
    module: 'tofu',
    packages: ['github.com/opentofu/opentofu/cmd/tofu'],
    release: 'github.com/opentofu/opentofu/version.dev=no',
  },
  terraform: {
    module: 'terraform',
    packages: ['github.com/hashicorp/terraform'],
    release: 'github.com/hashicorp/terraform/version.dev=no',
  },
  opa: {
    module: 'opa',
    packages: ['github.com/open-policy-agent/opa'],
  },
  providers: {
    module: 'providers',
    packages: ['./terraform-provider-null', 'github.com/hashicorp/terraform-provider-time'],
  },
} as const satisfies Record<string, Part>

export type PartName = keyof typeof parts

/** What the filesystem mirror holds, under the names of both public registries. */
export const mirrored = { null: '3.2.3', time: '0.14.2' } as const
export const mirroredHosts = ['registry.terraform.io', 'registry.opentofu.org'] as const

const root = process.env.TOFUTF_TEST_CACHE ?? join(homedir(), '.cache', 'tofutf-test')
const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`

/**
 * Returns the folder that holds the part's binaries (for `providers`: the filesystem mirror), built when it is missing.
 *
 * Two builders at once are safe: the folder appears by one rename. The lock only spares the second one the work.
 *
 * @throws Error with the compiler's last lines, or saying that Go is missing
 */
export async function ensureBuilt(name: PartName): Promise<string> {
  const folder = join(root, `${name}-${await hashOf(parts[name])}`)
  if (existsSync(folder)) return folder
  await mkdir(root, { recursive: true })
  const unlock = await lock(`${folder}.lock`, () => existsSync(folder))
  try {
    if (!existsSync(folder)) await build(name, folder)
  } finally {
    await unlock()
  }
  return folder
}

async function build(name: PartName, folder: string): Promise<void> {
  process.stderr.write(`building ${name} for the tests (once per machine; up to a few minutes)\n`)
  const part: Part = parts[name]
  const temporary = await mkdtemp(join(root, `${name}-`))
  try {
    const ldflags = ['-s', '-w', ...(part.release ? ['-X', part.release] : [])].join(' ')
    const args = ['build', '-mod=readonly', '-buildvcs=false', '-trimpath', '-ldflags', ldflags]
    const built = await execa('go', [...args, '-o', `${temporary}/`, ...part.packages], {
      cwd: join(import.meta.dirname, part.module),
      env: { GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' },
      reject: false,
      all: true,
    })
    if (built.code === 'ENOENT') throw new Error(`Go is not on the PATH: the tests need it to build ${name}.`)
    if (built.failed) throw new Error(`go build of ${name} failed:\n${built.all.slice(-4000)}`)
    if (name === 'providers') await arrangeMirror(temporary)
    await chmod(temporary, 0o755)
    await rename(temporary, folder).catch((error: NodeJS.ErrnoException) => {
      // Another builder was first; its result has the same sources.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
    await publish(name, folder)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** HOST/NAMESPACE/TYPE/VERSION/TARGET/binary: the unpacked layout, which the engines link to without copying. */
async function arrangeMirror(folder: string): Promise<void> {
  for (const [type, version] of Object.entries(mirrored)) {
    const binary = join(folder, `terraform-provider-${type}`)
    for (const host of mirroredHosts) {
      const target = join(folder, host, 'hashicorp', type, version, platform)
      await mkdir(target, { recursive: true })
      await link(binary, join(target, `terraform-provider-${type}_v${version}`))
    }
    await rm(binary)
  }
}

/** Fixed names beside the hashed ones, for people: CACHE/bin/tofu and CACHE/mirror. */
async function publish(name: PartName, folder: string): Promise<void> {
  await mkdir(join(root, 'bin'), { recursive: true })
  const [path, target] =
    name === 'providers' ? [join(root, 'mirror'), folder] : [join(root, 'bin', name), join(folder, name)]
  await symlink(target, `${path}.${process.pid}`)
  await rename(`${path}.${process.pid}`, path)
}

async function hashOf(part: Part): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([part, platform, mirrored]))
  const folder = join(import.meta.dirname, part.module)
  const files = (await readdir(folder, { recursive: true })).filter((file) => /(\.go|go\.mod|go\.sum)$/.test(file))
  for (const file of files.sort()) hash.update(`${file}\n`).update(await readFile(join(folder, file)))
  return hash.digest('hex').slice(0, 16)
}

/** Waits until the lock folder is ours or `done` holds. A lock whose process is gone, or that has no pid after 10 s, is void. */
async function lock(folder: string, done: () => boolean): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await mkdir(folder)
      await writeFile(join(folder, 'pid'), String(process.pid))
      return () => rm(folder, { recursive: true, force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (done()) return async () => {}
    if (await isVoid(folder)) await rm(folder, { recursive: true, force: true })
    await sleep(250)
  }
}

async function isVoid(folder: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'))
    if (pid > 0) process.kill(pid, 0)
    if (pid > 0) return false
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ESRCH') return true
    if (code === 'EPERM') return false
    if (code !== 'ENOENT') throw error
  }
  const made = await stat(folder).catch(() => undefined)
  return made !== undefined && Date.now() - made.mtimeMs > 10_000
}
