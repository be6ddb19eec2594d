/**
 * `npm run bench:run`: what the server adds to the engine. Real processes, real terraform, one table.
 * A wrapper around the engine writes down when each engine process starts and ends, so that waiting and working
 * can be told apart. Goal: creation to `planned` at most the engine's own time + 40 ms at the median.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import { pack } from 'tar-stream'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { makeCli } from '../support/cli.ts'
import { clients } from '../support/clients.ts'
import { document } from '../support/server.ts'
import { type Stack, startStack } from '../support/stack.ts'

const configuration = `
resource "terraform_data" "a" {
  input = "bench"
}
output "a" {
  value = terraform_data.a.output
}
`

interface EngineCall {
  runId: string
  command: string
  startMs: number
  endMs: number
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
const percentile = (values: number[], p: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? Number.NaN

async function archive(): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'main.tf' }, configuration)
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return gzipSync(Buffer.concat(parts))
}

/** An engine folder whose terraform writes its times into a file. */
async function timedEngine(folder: string, real: string, version: string): Promise<string> {
  const file = join(folder, 'calls.tsv')
  const bin = join(folder, 'engines', 'terraform', version)
  await mkdir(bin, { recursive: true })
  await chmod(folder, 0o755)
  await writeFile(file, '')
  // exec would hide the end; bash knows the time without starting another process
  await writeFile(
    join(bin, 'terraform'),
    `#!/bin/bash\ns=$EPOCHREALTIME\n${real} "$@"\nc=$?\nprintf '%s\\t%s\\t%s\\t%s\\n' "$PWD" "$1" "$s" "$EPOCHREALTIME" >> ${file}\nexit $c\n`,
  )
  await chmod(join(bin, 'terraform'), 0o755)
  return file
}

async function calls(file: string): Promise<EngineCall[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => {
    const [pwd, command, start, end] = line.split('\t') as [string, string, string, string]
    return { runId: /run-\w+/.exec(pwd)?.[0] ?? '', command, startMs: Number(start) * 1000, endMs: Number(end) * 1000 }
  })
}

async function newWorkspace(
  stack: Stack,
  organization: string,
  name: string,
): Promise<{ workspaceId: string; configurationId: string }> {
  const workspace = await stack.api.post(`/organizations/${organization}/workspaces`, document({ name }))
  const workspaceId = workspace.json.data.id as string
  const version = await stack.api.post(
    `/workspaces/${workspaceId}/configuration-versions`,
    document({ 'auto-queue-runs': false }),
  )
  await stack.api('PUT', version.json.data.attributes['upload-url'], await archive(), { Authorization: '' })
  return { workspaceId, configurationId: version.json.data.id as string }
}

interface Live {
  subscribe(topic: 'planned', listener: (runId: string) => void): () => void
  close(): Promise<void>
}

/** Hears of each run that becomes `planned`, when its transaction has committed. */
async function plannedMoments(stack: Stack): Promise<Live> {
  const listeners = new Set<(runId: string) => void>()
  const client = new pg.Client(stack.databaseUrl)
  await client.connect()
  await client.query('listen tofutf_live')
  client.on('notification', ({ payload }) => {
    const id = /^run:(run-\w+) planned$/.exec(payload ?? '')?.[1]
    if (id) for (const listener of listeners) listener(id)
  })
  return {
    subscribe(_topic, listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => client.end(),
  }
}

interface Timing {
  toStart: number
  engine: number
  toPlanned: number
  exitToTerminal: number
}

/** Makes runs at the same moment and reads, from run and engine times, where the time went. */
async function planAll(
  stack: Stack,
  live: Live,
  file: string,
  workspaces: { workspaceId: string; configurationId: string }[],
): Promise<Timing[]> {
  const plannedAt = new Map<string, number>()
  const off = live.subscribe('planned', (id) => plannedAt.set(id, Date.now()))
  const ids = await Promise.all(
    workspaces.map(async ({ workspaceId, configurationId }) => {
      const answer = await stack.api.post(
        '/runs',
        document(
          {},
          {
            workspace: { data: { type: 'workspaces', id: workspaceId } },
            'configuration-version': { data: { type: 'configuration-versions', id: configurationId } },
          },
        ),
      )
      return answer.json.data.id as string
    }),
  )
  await Promise.all(ids.map((id) => stack.waitForRun(id, 'planned')))
  off()
  const all = await calls(file)
  const rows = await stack.db.any(sql.type(z.object({ id: z.string(), created_at: z.date() }))`
    select id, created_at
    from runs
    where id = any(${sql.array(ids, 'text')})`)
  const timings = rows.map((run) => {
    const own = all.filter((call) => call.runId === run.id).sort((a, b) => a.startMs - b.startMs)
    const created = run.created_at.getTime()
    const planned = plannedAt.get(run.id)!
    const engine = busy(own)
    return {
      toStart: own[0]!.startMs - created,
      engine,
      toPlanned: planned - created,
      exitToTerminal: planned - Math.max(...own.map((c) => c.endMs)),
    }
  })
  await Promise.all(ids.map((id) => stack.api.post(`/runs/${id}/actions/discard`, {})))
  return timings
}

/** Time in which at least one engine process of the run was alive. */
function busy(own: EngineCall[]): number {
  let total = 0
  let until = 0
  for (const { startMs, endMs } of own) {
    total += Math.max(0, endMs - Math.max(startMs, until))
    until = Math.max(until, endMs)
  }
  return total
}

const ms = (value: number) => `${value.toFixed(0)} ms`.padStart(9)

async function main(): Promise<void> {
  const { terraform, versions } = await clients()
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-bench-'))
  const file = await timedEngine(folder, terraform, versions.terraform)
  const stack = await startStack({
    env: {
      TOFUTF_ENGINE_DIR: join(folder, 'engines'),
      PATH: '/usr/bin:/bin',
      TOFUTF_RUNNER_CONCURRENCY: '2',
      // the wrapper writes its times beside the sandbox
      TOFUTF_SANDBOX: 'off',
    },
  })
  const live = await plannedMoments(stack)
  try {
    const organization = await stack.makeOrganization()
    const workspaces = []
    for (let i = 0; i < 20; i++) workspaces.push(await newWorkspace(stack, organization, `bench-${i}`))
    await planAll(stack, live, file, workspaces.slice(0, 1))

    const single: Timing[] = []
    for (let i = 0; i < 15; i++) single.push(...(await planAll(stack, live, file, workspaces.slice(0, 1))))
    const started = Date.now()
    const twenty = await planAll(stack, live, file, workspaces)
    const wall = Date.now() - started

    console.log('\none run at a time (15 runs)                      median       p90')
    const rows: [string, (t: Timing) => number][] = [
      ['creation → engine starts', (t) => t.toStart],
      ["the engine's own time (init, plan, show)", (t) => t.engine],
      ['last engine exit → planned', (t) => t.exitToTerminal],
      ['creation → planned', (t) => t.toPlanned],
      ['added by the server', (t) => t.toPlanned - t.engine],
    ]
    for (const [label, of] of rows)
      console.log(label.padEnd(46), ms(median(single.map(of))), ms(percentile(single.map(of), 0.9)))
    console.log('\n20 runs in 20 workspaces at once, 2 slots        median       p90')
    for (const [label, of] of rows)
      console.log(label.padEnd(46), ms(median(twenty.map(of))), ms(percentile(twenty.map(of), 0.9)))
    console.log(
      `all 20 planned after ${ms(wall)}; engine time in all ${ms(twenty.reduce((sum, t) => sum + t.engine, 0))}`,
    )

    await compareClients(stack, organization)
    const added = median(single.map((t) => t.toPlanned - t.engine))
    console.log(
      `\ngoal: added by the server at most 40 ms at the median: ${added <= 40 ? 'met' : 'NOT met'} (${added.toFixed(0)} ms)`,
    )
    if (added > 40) process.exitCode = 1
  } finally {
    await live.close()
    await stack.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same configuration, planned and applied locally and remotely by the CLI. */
async function compareClients(stack: Stack, organization: string): Promise<void> {
  console.log('\nthe CLI, the same configuration              plan      apply -auto-approve (median of 5)')
  for (const where of ['local', 'remote'] as const) {
    const cli = await makeCli('terraform', { server: stack.server })
    try {
      await cli.configure(
        where === 'local' ? { backend: 'none' } : { backend: 'cloud', organization, workspace: { name: 'bench-cli' } },
        configuration,
      )
      await cli.ok(['init', '-input=false'])
      const plans: number[] = []
      const applies: number[] = []
      for (let i = 0; i < 5; i++) {
        plans.push((await cli.ok(['plan', '-input=false'])).durationMs)
        applies.push((await cli.ok(['apply', '-auto-approve', '-input=false', '-replace=terraform_data.a'])).durationMs)
      }
      console.log(where.padEnd(40), ms(median(plans)), ms(median(applies)))
    } finally {
      await cli.remove()
    }
  }
  console.log("(the client's own floor is 1,560 ms and 2,560 ms: its polling)")
}

await main()
