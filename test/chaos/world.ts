import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { patient } from '../../db/patient.ts'
import type { Pool } from '../../db/pool.ts'
import { archiveOf } from '../support/configurations.ts'
import { type Answer, type Api, apiClient, document } from '../support/server.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { makeEngines, STAND_IN } from './engine.ts'
import { type FragilePostgres, startFragilePostgres } from './postgres.ts'

export interface World {
  stack: Stack
  postgres: FragilePostgres
  /** Waits for a database that is away. */
  db: Pool
  /** Asks one web after the other until one answers. */
  insist(call: (api: Api) => Promise<Answer>): Promise<Answer>
  makeWorkspace(options?: WorkspaceOptions): Promise<string>
  startRun(workspaceId: string): Promise<string>
  journal(): Promise<JournalLine[]>
  end(): Promise<void>
}

export interface JournalLine {
  what: 'begin' | 'wrote' | 'end'
  runId: string
  workspace: string
  serial: number
}

export interface WorkspaceOptions {
  engineVersion?: string
  files?: Record<string, string>
  /** Of the engine; the stand-in knows CHAOS_SLEEP (seconds) and CHAOS_INIT_FAILS. */
  env?: Record<string, string>
}

export interface WorldOptions {
  webs: number
  runners: number
  concurrency: number
  env?: Record<string, string>
}

/** Real processes on a database of their own that can be killed. The clocks of two runners go wrong by two minutes. */
export async function makeWorld(options: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-chaos-'))
  const journalFile = join(folder, 'journal')
  const postgres = await startFragilePostgres()
  const former = process.env.TEST_DATABASE_URL
  process.env.TEST_DATABASE_URL = postgres.url
  let stack: Stack
  try {
    const skew = (ms: number) => ({
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'skew.mjs')}`,
      CHAOS_CLOCK_MS: `${ms}`,
    })
    stack = await startStack({
      webs: options.webs,
      runners: options.runners,
      jobs: 2,
      tls: false,
      runnerEnv: (i) => (i === 1 ? skew(120_000) : i === 2 ? skew(-120_000) : {}),
      env: {
        TOFUTF_ENGINE_DIR: await makeEngines(join(folder, 'engines'), journalFile),
        // the stand-in writes into the journal
        TOFUTF_SANDBOX: 'off',
        TOFUTF_RUNNER_CONCURRENCY: `${options.concurrency}`,
        TOFUTF_LOG_LEVEL: process.env.TOFUTF_LOG_LEVEL ?? 'fatal',
        TOFUTF_DB_POOL: '4',
        ...options.env,
      },
    })
  } catch (error) {
    await postgres.stop()
    throw error
  } finally {
    if (former === undefined) delete process.env.TEST_DATABASE_URL
    else process.env.TEST_DATABASE_URL = former
  }
  // an idle connection that Postgres drops must not end this process
  const db = patient(stack.db, new AbortController().signal, () => {})
  const apis = stack.urls.map((url) => apiClient(url, stack.siteToken))
  const organization = await stack.makeOrganization()

  async function insist(call: (api: Api) => Promise<Answer>): Promise<Answer> {
    let last: unknown
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(100)) {
      for (const api of apis) {
        const answer = await call(api).catch((error: Error) => {
          last = error
        })
        if (answer && answer.status < 500) {
          if (answer.status >= 400) throw new Error(`${answer.status}: ${answer.text}`)
          return answer
        }
        if (answer) last = answer.text
      }
    }
    throw new Error(`No web answers: ${last}`)
  }

  return {
    stack,
    postgres,
    db,
    insist,
    async makeWorkspace({ engineVersion = STAND_IN, files = { 'main.tf': '' }, env = {} } = {}) {
      const name = `ws-${Math.random().toString(36).slice(2, 10)}`
      const attributes = { name, 'auto-apply': true, 'terraform-version': engineVersion }
      const { id } = (
        await insist((api) => api.post(`/organizations/${organization}/workspaces`, document(attributes)))
      ).json.data
      const made = await insist((api) =>
        api.post(`/workspaces/${id}/configuration-versions`, document({ 'auto-queue-runs': false })),
      )
      const archive = new Uint8Array(await archiveOf(files))
      await insist((api) => api.put(made.json.data.attributes['upload-url'], archive))
      for (const [key, value] of Object.entries(env)) {
        const variable = { key, value, category: 'env' }
        await insist((api) => api.post(`/workspaces/${id}/vars`, document(variable)))
      }
      return id
    },
    async startRun(workspaceId) {
      const workspace = { data: { type: 'workspaces', id: workspaceId } }
      return (await insist((api) => api.post('/runs', document({}, { workspace })))).json.data.id
    },
    async journal() {
      const text = await readFile(journalFile, 'utf8').catch(() => '')
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [what, runId, workspace, serial] = line.split(' ') as [JournalLine['what'], string, string, string]
          return { what, runId, workspace, serial: Number(serial) }
        })
    },
    async end() {
      await stack.stop().finally(async () => {
        await postgres.stop()
        await rm(folder, { recursive: true, force: true })
      })
    },
  }
}
