import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workdir } from './workdir.ts'
import { relativeTo } from './workdir.ts'

/**
 * Points the engine at a local state file. An override file wins over a `cloud` block and over any `backend` block,
 * in .tf and in .tf.json, also where there is no configuration at all. Paths are relative: the plan file stores them.
 *
 * With TF_WORKSPACE set to the workspace's name, `terraform.workspace` has the value that HCP gives it, and the local
 * backend keeps the state at `<workspace_dir>/<name>/terraform.tfstate` (`default` at `path`).
 *
 * @returns the path of the state file, its folder made
 */
export async function overrideBackend(dir: Workdir, cwd: string, workspaceName: string): Promise<string> {
  const root = join(dir.state, 'terraform.tfstate')
  const workspaces = join(dir.state, 'workspaces')
  const body = [
    'terraform {',
    '  backend "local" {',
    `    path          = ${JSON.stringify(relativeTo(cwd, root))}`,
    `    workspace_dir = ${JSON.stringify(relativeTo(cwd, workspaces))}`,
    '  }',
    '}',
    '',
  ].join('\n')
  const names = await readdir(cwd)
  const taken = names.filter((name) => /override\.(tf|tofu)(\.json)?$/.test(name))
  const stateFile = workspaceName === 'default' ? root : join(workspaces, workspaceName, 'terraform.tfstate')
  await Promise.all([
    writeFile(join(cwd, `${sortsAfter('zz_tofutf', taken)}_override.tf`), body, { flag: 'wx', mode: 0o600 }),
    // An existing folder is an existing workspace: init has nothing to create or to ask.
    mkdir(join(stateFile, '..'), { recursive: true, mode: 0o700 }),
    // Leftovers of a local past. Any of them makes init ask whether to migrate, and fail, as it may not ask.
    ...['terraform.tfstate', 'terraform.tfstate.d', '.terraform/terraform.tfstate', '.terraform/environment'].map(
      (name) => rm(join(cwd, name), { recursive: true, force: true }),
    ),
  ])
  return stateFile
}

/** `stem`, or a stem of our own that sorts after every name taken (the engines read in byte order, the last wins). */
export function sortsAfter(stem: string, taken: readonly string[]): string {
  const bytes = (name: string) => Buffer.from(name)
  const last = taken.reduce((a, b) => (Buffer.compare(bytes(a), bytes(b)) >= 0 ? a : b), '')
  if (Buffer.compare(bytes(stem), bytes(last)) > 0) return stem
  const candidate = `~${stem}`
  if (Buffer.compare(bytes(candidate), bytes(last)) > 0) return candidate
  return `${last.replace(/\..*$/, '')}~${stem}`
}
