import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { clients } from '../support/clients.ts'
import { type Process, startProcess } from '../support/processes.ts'
import { document } from '../support/server.ts'
import { expectStatus, logOf, type Stack, startStack } from '../support/stack.ts'
import { openWire, type Wire } from './wire.ts'

export interface Pool {
  id: string
  token: string
}

async function makePool(stack: Stack, organization: string): Promise<Pool> {
  const path = `/organizations/${organization}/agent-pools`
  const name = `pool-${Math.random().toString(36).slice(2)}`
  const { id } = expectStatus(await stack.api.post(path, document({ name })), 201).json.data
  const tokens = `/agent-pools/${id}/authentication-tokens`
  const made = expectStatus(await stack.api.post(tokens, document({ description: 'test' })), 201)
  return { id, token: made.json.data.attributes.token }
}

export interface AgentProcess extends Process {
  /** Its folder: nothing of it is shared with the server. */
  folder: string
  remove(): Promise<void>
}

/**
 * A real agent: it knows the address, a token and where providers are, and neither the database nor the secret.
 * With a wire it runs in a network of its own, where nothing but that wire leads out.
 */
async function startAgent(
  stack: Stack,
  pool: Pool,
  env: Record<string, string> = {},
  wire?: { socket: string; port: string },
): Promise<AgentProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-agent-'))
  const { mirror, terraform } = await clients()
  const agent = startProcess(
    'agent',
    wire ? ['test/agents/isolated-agent.ts', wire.socket, wire.port] : ['worker/agent.ts'],
    {
      PATH: `${join(terraform, '..')}:${process.env.PATH}`,
      TOFUTF_URL: stack.server.url,
      TOFUTF_AGENT_TOKEN: pool.token,
      ...(stack.server.caFile && { SSL_CERT_FILE: stack.server.caFile }),
      TOFUTF_DATA_DIR: folder,
      TOFUTF_ENGINE_DOWNLOAD: 'false',
      TOFUTF_PROVIDER_MIRROR: mirror,
      TOFUTF_CANCEL_GRACE: '5',
      TOFUTF_DRAIN_GRACE: '0',
      TOFUTF_LOG_LEVEL: process.env.TOFUTF_LOG_LEVEL ?? 'warn',
      ...env,
    },
  )
  return {
    ...agent,
    folder,
    async remove() {
      await agent.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What `look` answers, once it is there. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, ms = 30_000): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(100)
  }
}

/** A stack with an organization, a pool, and agents that end with it. */
export interface AgentStack extends Stack {
  organization: string
  pool: Pool
  startAgent(env?: Record<string, string>, wire?: { socket: string; port: string }): Promise<AgentProcess>
  /** Stops every agent. */
  stopAgents(): Promise<void>
  openWire(port: number, path?: string): Promise<Wire>
  makeAgentWorkspace(attributes?: Record<string, unknown>): Promise<string>
  /** The resources in the current state; undefined: there is none. */
  resourcesOf(workspaceId: string): Promise<string | undefined>
}

export async function startAgentStack(options?: Parameters<typeof startStack>[0]): Promise<AgentStack> {
  const stack = await startStack(options)
  const organization = await stack.makeOrganization()
  const pool = await makePool(stack, organization)
  const agents: AgentProcess[] = []
  const wires: Wire[] = []
  const stopAgents = async () => {
    for (const agent of agents.splice(0)) await agent.remove()
  }
  return {
    ...stack,
    organization,
    pool,
    async startAgent(env, wire) {
      const agent = await startAgent(stack, pool, env, wire)
      agents.push(agent)
      return agent
    },
    stopAgents,
    async openWire(port, path) {
      const wire = await openWire(port, path)
      wires.push(wire)
      return wire
    },
    async makeAgentWorkspace(attributes = {}) {
      const mode = { 'execution-mode': 'agent', 'agent-pool-id': pool.id }
      return (await stack.makeWorkspace(organization, { ...mode, ...attributes })).id
    },
    async resourcesOf(workspaceId) {
      const { json, status } = await stack.api.get(`/workspaces/${workspaceId}/current-state-version`)
      return status === 200 ? JSON.stringify(json.data.attributes.resources) : undefined
    },
    async stop() {
      await stopAgents()
      for (const wire of wires) await wire.close()
      await stack.stop()
    },
  }
}

/** A first resource that is made at once, and a second one that takes so long. */
export const sleeping = (seconds: number) => ({
  'main.tf': `
    resource "terraform_data" "first" {}
    resource "terraform_data" "long" {
      depends_on = [terraform_data.first]
      provisioner "local-exec" { command = "sleep ${seconds}" }
    }`,
})

// biome-ignore lint/suspicious/noExplicitAny: a document
export const untilProvisioning = (stack: Stack, run: any) =>
  until('the provisioner runs', async () => (await logOf(stack.api, run)).includes('local-exec'))
