// What a row of the CLI matrix is, and how one cell of it runs: one command, one engine, one backend.
import { randomBytes } from 'node:crypto'
import { type Cli, type EngineName, makeCli } from '../support/cli.ts'
import type { BackendOptions } from '../support/cli-config.ts'
import type { Api } from '../support/server.ts'
import type { Stack, WorkspaceAttributes } from '../support/stack.ts'
import { putState, type StateFile } from '../support/states.ts'

export type Backend = 'cloud' | 'remote'
export const engines: readonly EngineName[] = ['terraform', 'tofu']
export const backends: readonly Backend[] = ['cloud', 'remote']

export interface Column {
  engine: EngineName
  backend: Backend
}
export const columns: readonly Column[] = engines.flatMap((engine) => backends.map((backend) => ({ engine, backend })))

export interface Scenario {
  /** The row of the table, as one types it. */
  command: string
  /** What holds, in the present tense. */
  fact: string
  /** Columns that cannot exist, by engine, backend or both (`tofu cloud`), and why. */
  absent?: Partial<Record<EngineName | Backend | `${EngineName} ${Backend}`, string>>
  /** The workspace that is there before; `none`: the scenario makes its own. */
  workspace?: WorkspaceAttributes | 'none'
  /** main.tf. Default: `oneResource`. */
  config?: string
  /** The state that is there before. */
  state?: StateFile
  /** Whether `init` has run before. Default: true, but for `workspace: 'none'`. */
  init?: boolean
  run(cell: Cell): Promise<void>
}

export interface Cell extends Column {
  stack: Stack
  api: Api
  organization: string
  cli: Cli
  /** No other cell has it. */
  name: string
  workspace: { id: string; name: string }
  /** backend.tf for these workspaces (default: this cell's one) and main.tf. */
  configure(body: string, options?: Partial<BackendOptions>): Promise<void>
  /** Runs of the workspace, newest first. */
  // biome-ignore lint/suspicious/noExplicitAny: documents
  runs(): Promise<any[]>
  // biome-ignore lint/suspicious/noExplicitAny: a document
  newestRun(): Promise<any>
}

export const oneResource = `
variable "input" {
  default = "x"
}
resource "terraform_data" "a" {
  input = var.input
}
output "a" {
  value = terraform_data.a.output
}
`

/** The state after `oneResource` was applied. */
export const appliedOne: StateFile = {
  resources: { a: 'x' },
  outputs: { a: { value: 'x', type: 'string' } },
}

export const absence = ({ absent }: Scenario, { engine, backend }: Column): string | undefined =>
  absent?.[`${engine} ${backend}`] ?? absent?.[engine] ?? absent?.[backend]

/** @throws Error when the fact does not hold; its message ends with what the servers printed */
export async function runCell(stack: Stack, organization: string, scenario: Scenario, column: Column): Promise<void> {
  const cli = await makeCli(column.engine, { server: stack.server })
  try {
    await scenario.run(await prepare(stack, organization, scenario, column, cli))
  } catch (error) {
    if (error instanceof Error) error.message = `${error.message}\n${stack.logs()}`.slice(0, 12_000)
    throw error
  } finally {
    await cli.remove()
  }
}

async function prepare(
  stack: Stack,
  organization: string,
  scenario: Scenario,
  column: Column,
  cli: Cli,
): Promise<Cell> {
  const { api } = stack
  const name = `c-${randomBytes(5).toString('hex')}`
  const exists = scenario.workspace !== 'none'
  const workspace = exists
    ? await stack.makeWorkspace(organization, {
        name,
        engine: column.engine,
        'terraform-version': cli.version,
        ...(scenario.workspace as WorkspaceAttributes | undefined),
      })
    : { id: '', name }
  if (scenario.state) await putState(api, workspace.id, scenario.state)
  const configure = (body: string, options: Partial<BackendOptions> = {}) =>
    cli.configure({ backend: column.backend, organization, workspace: { name }, ...options }, body)
  const runs = async () => (await api.get(`/workspaces/${workspace.id}/runs`)).json.data
  await configure(scenario.config ?? oneResource)
  if (scenario.init ?? exists) await cli.ok('init -input=false')
  const newestRun = async () => (await runs())[0]
  return { ...column, stack, api, organization, cli, name, workspace, configure, runs, newestRun }
}
