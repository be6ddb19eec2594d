import { createHash, randomUUID } from 'node:crypto'
import { type Api, document } from './server.ts'
import { expectStatus } from './stack.ts'

const provider = 'provider["terraform.io/builtin/terraform"]'
const dynamic = (value: string) => ({ value, type: 'string' })

export interface StateFile {
  serial?: number
  lineage?: string
  /** Name to the `input` of a terraform_data resource; its id is `id-NAME`. */
  resources?: Record<string, string>
  outputs?: Record<string, { value: unknown; type: unknown; sensitive?: boolean }>
}

/** A state file with terraform_data resources; both engines read it. */
export function stateFile({ serial = 1, lineage = randomUUID(), resources = {}, outputs = {} }: StateFile): string {
  return JSON.stringify({
    version: 4,
    terraform_version: '1.11.4',
    serial,
    lineage,
    outputs,
    resources: Object.entries(resources).map(([name, input]) => ({
      mode: 'managed',
      type: 'terraform_data',
      name,
      provider,
      instances: [
        {
          schema_version: 0,
          attributes: { id: `id-${name}`, input: dynamic(input), output: dynamic(input), triggers_replace: null },
          sensitive_attributes: [],
        },
      ],
    })),
    check_results: null,
  })
}

/** Makes this the workspace's current state, as a CLI with the lock does. */
export async function putState(api: Api, workspaceId: string, content: StateFile): Promise<void> {
  const state = stateFile(content)
  const { serial, lineage } = JSON.parse(state)
  const md5 = createHash('md5').update(state).digest('hex')
  const outputs = Buffer.from(JSON.stringify(content.outputs ?? {})).toString('base64')
  expectStatus(await api.post(`/workspaces/${workspaceId}/actions/lock`), 200)
  const attributes = { serial, lineage, md5, 'json-state-outputs': outputs }
  const made = expectStatus(await api.post(`/workspaces/${workspaceId}/state-versions`, document(attributes)), 201)
  const upload = await fetch(made.json.data.attributes['hosted-state-upload-url'], { method: 'PUT', body: state })
  if (!upload.ok) throw new Error(`the state upload answered ${upload.status}: ${await upload.text()}`)
  expectStatus(await api.post(`/workspaces/${workspaceId}/actions/unlock`), 200)
}

/** Addresses of the resources in the current state, sorted; empty without a state. */
export async function resourcesOf(api: Api, workspaceId: string): Promise<string[]> {
  return (await currentState(api, workspaceId))?.resources.map((r) => `${r.type}.${r.name}`).sort() ?? []
}

export interface State {
  serial: number
  lineage: string
  // biome-ignore lint/suspicious/noExplicitAny: of every shape
  resources: { type: string; name: string; instances: any[] }[]
  outputs: Record<string, { value: unknown }>
}

/** The current state file, read as a CLI reads it. */
export async function currentState(api: Api, workspaceId: string): Promise<State | undefined> {
  const current = await api.get(`/workspaces/${workspaceId}/current-state-version`)
  if (current.status === 404) return undefined
  const { attributes } = expectStatus(current, 200).json.data
  return expectStatus(await api.get(attributes['hosted-state-download-url']), 200).json
}
