/**
 * `npm run bench:blobs`: the web process's memory while large files pass through it. 50 configurations of 20 MB, 8 at
 * a time, and a state of 100 MB up and down. Goal (CORE-07): its resident memory rises by less than 150 MB.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { startCluster } from '../support/postgres.ts'
import { type Api, apiClient, document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'
import { startWeb } from './web-process.ts'

const MB = 1024 * 1024
const GOAL_MB = 150
const UPLOADS = 50
const AT_ONCE = 8

/** Resident memory in MB, and its peak since the last `reset`. */
function watchMemory(pid: number) {
  let peakMb = 0
  const read = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const nowMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
    peakMb = Math.max(peakMb, nowMb)
    return nowMb
  }
  const timer = setInterval(() => void read().catch(() => clearInterval(timer)), 25)
  return {
    read,
    async measure(work: () => Promise<void>) {
      const beforeMb = await read()
      peakMb = 0
      const started = performance.now()
      await work()
      return { beforeMb, peakMb, afterMb: await read(), seconds: (performance.now() - started) / 1000 }
    },
    stop: () => clearInterval(timer),
  }
}

/** Bytes that are made while they are sent: this process's memory is not what is measured, but it has little of it. */
async function* parts(bytes: number, part: Buffer): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < bytes; sent += part.length) yield part.subarray(0, Math.min(part.length, bytes - sent))
}

async function putParts(url: string, bytes: number, part: Buffer): Promise<void> {
  const body = Readable.from(parts(bytes, part), { objectMode: false })
  const answer = await fetch(url, {
    method: 'PUT',
    body,
    duplex: 'half',
    headers: { 'Content-Length': `${bytes}` },
  } as unknown as RequestInit)
  if (!answer.ok) throw new Error(`upload answered ${answer.status}: ${await answer.text()}`)
}

async function makeWorkspace(api: Api): Promise<string> {
  expectStatus(await api.post('/organizations', document({ name: 'bench', email: 'a@b.example' })), 201)
  const made = expectStatus(await api.post('/organizations/bench/workspaces', document({ name: 'bench' })), 201)
  return made.json.data.id
}

async function uploadConfigurations(api: Api, workspaceId: string): Promise<void> {
  const gzip = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), randomBytes(64 * 1024 - 4)])
  let left = UPLOADS
  const work = async () => {
    while (left-- > 0) {
      const path = `/workspaces/${workspaceId}/configuration-versions`
      const made = expectStatus(await api.post(path, document({ 'auto-queue-runs': false })), 201)
      await putParts(made.json.data.attributes['upload-url'], 20 * MB, gzip)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

const STATE_BYTES = 100 * MB

async function uploadState(api: Api, workspaceId: string, part: Buffer): Promise<{ id: string; md5: string }> {
  const hash = createHash('md5')
  for await (const piece of parts(STATE_BYTES, part)) hash.update(piece)
  const md5 = hash.digest('hex')
  expectStatus(await api.post(`/workspaces/${workspaceId}/actions/lock`), 200)
  const made = await api.post(`/workspaces/${workspaceId}/state-versions`, document({ serial: 1, md5 }))
  const { id, attributes } = expectStatus(made, 201).json.data
  await putParts(attributes['hosted-state-upload-url'], STATE_BYTES, part)
  return { id, md5 }
}

async function downloadState(api: Api, id: string, md5: string): Promise<void> {
  const { attributes } = expectStatus(await api.get(`/state-versions/${id}`), 200).json.data
  const answer = await fetch(attributes['hosted-state-download-url'])
  const hash = createHash('md5')
  for await (const piece of answer.body!) hash.update(piece)
  if (hash.digest('hex') !== md5) throw new Error('the download is not what was uploaded')
}

async function main(): Promise<void> {
  const cluster = await startCluster()
  process.env.TEST_DATABASE_URL = cluster.url
  const { freshDatabase } = await import('../support/postgres.ts')
  const database = await freshDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-bench-'))
  const token = `site.${randomBytes(24).toString('hex')}`
  const { url, web } = await startWeb({
    DATABASE_URL: database.url,
    TOFUTF_SECRET: randomBytes(24).toString('hex'),
    TOFUTF_SITE_TOKEN: token,
    TOFUTF_DATA_DIR: folder,
  })
  try {
    const api = apiClient(url, token)
    const workspaceId = await makeWorkspace(api)
    const memory = watchMemory(web.pid)
    const startMb = await memory.read()
    const part = randomBytes(256 * 1024)
    let state = { id: '', md5: '' }
    const rows = [
      [
        `${UPLOADS} configurations of 20 MB, ${AT_ONCE} at once`,
        await memory.measure(() => uploadConfigurations(api, workspaceId)),
      ],
      [
        'a state of 100 MB up',
        await memory.measure(async () => {
          state = await uploadState(api, workspaceId, part)
        }),
      ],
      ['a state of 100 MB down', await memory.measure(() => downloadState(api, state.id, state.md5))],
    ] as const
    memory.stop()
    const mb = (value: number) => `${value.toFixed(0)} MB`.padStart(9)
    console.log(`${'resident memory of the web process'.padEnd(42)}   before      peak     after      time`)
    for (const [label, m] of rows) {
      console.log(
        label.padEnd(42),
        mb(m.beforeMb),
        mb(m.peakMb),
        mb(m.afterMb),
        `${m.seconds.toFixed(1)} s`.padStart(9),
      )
    }
    const rise = Math.max(...rows.map(([, m]) => m.peakMb)) - startMb
    console.log(
      `\ngoal: it rises by less than ${GOAL_MB} MB: ${rise < GOAL_MB ? 'met' : 'NOT met'} (${rise.toFixed(0)} MB)`,
    )
    if (rise >= GOAL_MB) process.exitCode = 1
  } finally {
    console.log(web.log())
    await web.stop()
    await database.drop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
