import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PhaseVariable } from '../../shared/phase.ts'
import { sortsAfter } from './backend.ts'
import { PhaseFailure } from './failure.ts'

/** name of each file that holds one HCL expression → the variable's key, to name the variable in an error */
export type HclFiles = ReadonlyMap<string, string>

/**
 * Terraform variables as files that every command of both engines loads by itself (tofu needs them at init already),
 * sorted after the archive's own `*.auto.tfvars`: variables of the workspace and of the command line win over those
 * (HCP: "always overwrite variables with the same key from files ending in .auto.tfvars").
 *
 * Literals go into one JSON file, where a string is never a template. Each expression has a file of its own: one that
 * does not parse cannot swallow its neighbours, and the engine's message names the file.
 */
export async function writeVariables(cwd: string, variables: readonly PhaseVariable[]): Promise<HclFiles> {
  const own = variables.filter((variable) => variable.category === 'terraform')
  const hclFiles = new Map<string, string>()
  if (own.length === 0) return hclFiles
  const names = await readdir(cwd)
  const stem = sortsAfter(
    'zz_tofutf',
    names.filter((name) => /\.auto\.tfvars(\.json)?$/.test(name)),
  )
  const literals = own.filter((variable) => !variable.hcl)
  const write = (name: string, body: string) => writeFile(join(cwd, name), body, { flag: 'wx', mode: 0o600 })
  const writes: Promise<void>[] = []
  if (literals.length > 0) {
    const body = JSON.stringify(Object.fromEntries(literals.map(({ key, value }) => [key, value])))
    writes.push(write(`${stem}.auto.tfvars.json`, body))
  }
  for (const [index, variable] of own.filter((variable) => variable.hcl).entries()) {
    if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(variable.key)) {
      throw new PhaseFailure(`${JSON.stringify(variable.key)} is not a name a Terraform variable can have`)
    }
    const name = `${stem}_${index}_${variable.key.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 80)}.auto.tfvars`
    hclFiles.set(name, variable.key)
    // The parentheses let the expression span lines; the newline ends a trailing comment or heredoc.
    writes.push(write(name, `${variable.key} = (\n${variable.value}\n)\n`))
  }
  await Promise.all(writes)
  return hclFiles
}
