import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { clients } from '../support/clients.ts'
import { type Process, startProcess } from '../support/processes.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack } from '../support/stack.ts'

export interface Pool {
  id: string
  token: string
}

export async function makePool(stack: Stack, organization: string): Promise<Pool> {
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

/** A real agent: it knows the address, a token and where providers are, and neither the database nor the secret. */
export async function startAgent(stack: Stack, pool: Pool, env: Record<string, string> = {}): Promise<AgentProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-agent-'))
  const { mirror, terraform } = await clients()
  const agent = startProcess('agent', ['worker/agent.ts'], {
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
  })
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
