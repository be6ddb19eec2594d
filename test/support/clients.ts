import { join } from 'node:path'
import { execa } from 'execa'
import { ensureBuilt } from '../clients/build.ts'

/** Terraform as the tests expect it: that of the PATH when it is this one, else built. */
const terraformVersion = '1.11.4'

export interface Clients {
  /** Absolute paths of the binaries. */
  terraform: string
  tofu: string
  versions: { terraform: string; tofu: string }
  /** A provider filesystem mirror with hashicorp/null and hashicorp/time under both public registries' names. */
  mirror: string
}

let found: Promise<Clients> | undefined

/** The real clients, built when they are missing (minutes, once per machine); afterwards within a second. */
export function clients(): Promise<Clients> {
  found ??= find()
  return found
}

async function find(): Promise<Clients> {
  // One after the other: each build uses every core by itself.
  const mirror = await ensureBuilt('providers')
  const tofu = join(await ensureBuilt('tofu'), 'tofu')
  const terraform = (await terraformOnPath()) ?? join(await ensureBuilt('terraform'), 'terraform')
  const [terraformIs, tofuIs] = await Promise.all([versionOf(terraform), versionOf(tofu)])
  return { terraform, tofu, versions: { terraform: terraformIs, tofu: tofuIs }, mirror }
}

async function terraformOnPath(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))) {
    const path = join(folder, 'terraform')
    if ((await versionOf(path).catch(() => undefined)) === terraformVersion) return path
  }
  return undefined
}

async function versionOf(binary: string): Promise<string> {
  // An empty environment: a CLI configuration that is missing would print a warning into the JSON.
  const { stdout } = await execa(binary, ['version', '-json'], { env: { CHECKPOINT_DISABLE: '1' }, extendEnv: false })
  return (JSON.parse(stdout) as { terraform_version: string }).terraform_version
}

if (import.meta.main) console.log(JSON.stringify(await clients(), null, 2))
