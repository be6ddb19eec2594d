import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { z } from 'zod'
import { openPool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { clients } from '../support/clients.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { freePort } from '../support/ports.ts'
import { emptyDatabase } from '../support/postgres.ts'
import { apiClient, document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'

const root = join(import.meta.dirname, '..', '..')

/** The lines of the Procfile, by process name. */
async function procfile(): Promise<Record<string, string>> {
  const lines = (await readFile(join(root, 'Procfile'), 'utf8')).split('\n').filter(Boolean)
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
}

describe('the Procfile', () => {
  it('two webs, three runners and a jobs process, each by its line, share the work of one database', async function () {
    this.timeout(120_000)
    const lines = await procfile()
    const database = await emptyDatabase()
    const folder = await mkdtemp(join(tmpdir(), 'tofutf-procfile-'))
    const token = `site.${randomBytes(24).toString('hex')}`
    const { terraform } = await clients()
    const env = {
      PATH: `${dirname(terraform)}:${process.env.PATH}`,
      HOME: folder,
      DATABASE_URL: database.url,
      TOFUTF_SECRET: randomBytes(24).toString('hex'),
      TOFUTF_SITE_TOKEN: token,
      TOFUTF_DATA_DIR: folder,
      TOFUTF_ENGINE_DOWNLOAD: 'false',
      TOFUTF_RUNNER_CONCURRENCY: '1',
      TOFUTF_DRAIN_GRACE: '0',
      TOFUTF_LOG_LEVEL: 'warn',
    }
    const children: ChildProcess[] = []
    const start = (line: string, more: Record<string, string> = {}) => {
      const child = spawn('/bin/sh', ['-c', `exec ${line}`], {
        cwd: root,
        env: { ...env, ...more },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      children.push(child)
      return child
    }
    const db = await openPool(database.url, { maxConnections: 2 })
    try {
      const release = start(lines.release!)
      expect((await once(release, 'exit'))[0]).to.equal(0)

      const ports = [await freePort(), await freePort()]
      for (const port of ports) start(lines.web!, { PORT: String(port), TOFUTF_URL: `http://127.0.0.1:${ports[0]}` })
      for (const name of ['one', 'two', 'three'])
        start(lines.runner!, { TOFUTF_RUNNER_NAME: name, TOFUTF_URL: `http://127.0.0.1:${ports[0]}` })
      start(lines.jobs!)
      const webs = ports.map((port) => apiClient(`http://127.0.0.1:${port}`, token))
      for (const port of ports) await untilReady(`http://127.0.0.1:${port}/readyz`)
      await untilCount(db, 3)

      expectStatus(await webs[0]!.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' })), 201)
      const runs = await Promise.all(
        Array.from({ length: 9 }, async (_, i) => {
          const api = webs[i % 2]!
          const workspace = expectStatus(
            await api.post('/organizations/acme/workspaces', document({ name: `w${i}` })),
            201,
          ).json.data.id
          await uploadConfiguration(api, workspace, { 'main.tf': 'resource "terraform_data" "a" {}' })
          return startRun(api, workspace, { 'auto-apply': true })
        }),
      )
      for (const [i, run] of runs.entries()) {
        // made through one web, read through the other
        await until(
          async () => (await webs[(i + 1) % 2]!.get(`/runs/${run}`)).json.data.attributes.status === 'applied',
        )
      }

      const used = await db.any(sql.type(z.object({ claimed_by: z.string() }))`
        select distinct claimed_by
        from phases`)
      expect(used.map((row) => row.claimed_by)).to.have.members(['one', 'two', 'three'])
    } finally {
      for (const child of children) if (child.exitCode === null) child.kill('SIGTERM')
      await Promise.all(
        children.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null)),
      )
      await db.end()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

async function until(holds: () => Promise<boolean>, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; !(await holds().catch(() => false)); await sleep(100)) {
    if (Date.now() > end) throw new Error('it did not come about in time')
  }
}

const untilReady = (url: string) => until(async () => (await fetch(url)).status === 200)

const untilCount = (db: Awaited<ReturnType<typeof openPool>>, count: number) =>
  until(
    async () =>
      (await db.one(sql.type(z.object({ n: z.number() }))`select count(*)::int as n from runners`)).n === count,
  )
