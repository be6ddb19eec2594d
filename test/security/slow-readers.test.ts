import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { listen } from '../../server/listen.ts'
import type { Claim } from '../../shared/runs/hold.ts'
import { startRun } from '../support/configurations.ts'
import { eventually } from '../support/jobs.ts'
import { makeOrganization } from '../support/people.ts'
import { freePort } from '../support/ports.ts'
import { type Process, startProcess } from '../support/processes.ts'
import { makeRunnable } from '../support/runs.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take, write } from '../support/worker.ts'

const MIB = 1024 * 1024
const LOG_MIB = 96
const READERS_OF_EACH = 6

describe('SEC-51: clients that open a stream and never read', function () {
  this.timeout(240_000)
  let server: TestServer
  let web: Process
  let url: string
  const sockets: Socket[] = []

  before(async () => {
    server = await startServer()
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    web = startProcess('web', ['server/main.ts'], {
      PATH: process.env.PATH ?? '',
      DATABASE_URL: server.app.config.databaseUrl!,
      TOFUTF_SECRET: server.app.config.secret!,
      TOFUTF_SITE_TOKEN: server.siteToken,
      TOFUTF_DATA_DIR: server.app.config.dataDir,
      TOFUTF_LOG_LEVEL: 'error',
      TOFUTF_RATE_LIMIT: '0',
      // as the scripts of package.json
      MALLOC_ARENA_MAX: '2',
      MALLOC_MMAP_THRESHOLD_: '131072',
      PORT: `${port}`,
    })
    await eventually(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok || undefined, 90_000)
  })
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })
  after(async () => {
    await web?.stop()
    await server?.stop()
  })

  /** Resident memory of the web process. */
  const residentMib = () => {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${web.pid}/status`, 'utf8')) ?? []
    return Number(kib) / 1024
  }
  /** Asks, sees the first bytes of the answer, and takes nothing more. */
  async function stall(address: string, headers: Record<string, string>): Promise<Socket> {
    const { hostname, port, pathname, search } = new URL(address)
    const socket = connect(Number(port), hostname)
    sockets.push(socket)
    const lines = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    socket.pause()
    expect(first.toString('latin1')).to.match(/^HTTP\/1.1 200 /)
    return socket
  }
  async function writeLog(claim: Claim, sum: ReturnType<typeof createHash>): Promise<void> {
    for (let i = 0; i < LOG_MIB; i++) {
      const line = `${randomBytes(48).toString('base64')}\n`
      const piece = Buffer.from(line.repeat(MIB / line.length + 1)).subarray(0, MIB)
      sum.update(piece)
      await write(server.app, claim, piece)
    }
  }

  it('cost the server a bounded buffer each, however long the log gets; the others read all of it', async function () {
    if (process.platform !== 'linux') this.skip()
    const organization = await makeOrganization(server)
    const { workspaceId, name, configurationId } = await makeRunnable(server, organization.name)
    await makeUser(server, 'reader', { isSiteAdmin: true })
    const browser = new Web({ url })
    await browser.get('/app/login')
    await browser.signIn('reader', password)
    const cookie = [...browser.cookies].map(([key, value]) => `${key}=${value}`).join('; ')
    const runId = await startRun(server.api, workspaceId, {}, configurationId)
    const claim = await take(server.app, runId, 'plan')
    const page = `${url}/app/${organization.name}/workspaces/${name}/runs/${runId}`
    const live = `${page}/live?from=0.0-0.0`
    const planId = (await server.api.get(`/runs/${runId}`)).json.data.relationships.plan.data.id
    const { 'log-read-url': signed } = (await server.api.get(`/plans/${planId}`)).json.data.attributes
    const logAddress = url + new URL(signed).pathname

    for (let i = 0; i < READERS_OF_EACH; i++) await stall(live, { cookie })
    const before = residentMib()
    const sum = createHash('sha256')
    await writeLog(claim, sum)
    await finish(server.app, claim)
    for (let i = 0; i < READERS_OF_EACH; i++) {
      await stall(`${page}/plan-log`, { cookie })
      await stall(`${logAddress}?limit=${MIB}&offset=0`, {})
    }
    const raw = createHash('sha256')
    const answer = await fetch(`${page}/plan-log`, { headers: { cookie } })
    for await (const part of answer.body!) raw.update(part)
    const ranged = createHash('sha256')
    let size = 0
    for (let offset = 1; ; ) {
      const bytes = Buffer.from(await (await fetch(`${logAddress}?limit=${MIB}&offset=${offset}`)).arrayBuffer())
      const end = bytes.at(-1) === 3 ? bytes.length - 1 : bytes.length
      ranged.update(bytes.subarray(0, end))
      size += end
      if (bytes.length === 0 || end < bytes.length) break
      offset += bytes.length
    }
    const after = residentMib()

    const expected = sum.digest('hex')
    expect(size).to.equal(LOG_MIB * MIB)
    expect(raw.digest('hex')).to.equal(expected)
    expect(ranged.digest('hex')).to.equal(expected)
    expect(web.isRunning()).to.equal(true)
    // buffered for each of them it would be 1,152 MiB and more
    expect(after - before, `${before} MiB before, ${after} MiB after`).to.be.below(300)
  })

  it('a connection on which nothing moves is cut off, whoever it is', async () => {
    const endless = () => Readable.from(forever(), { objectMode: false, highWaterMark: 64 * 1024 })
    const listening = await listen(
      { ...server.app.config, port: 0 },
      (_, response) => void endless().pipe(response),
      1000,
    )
    const socket = await stall(`http://127.0.0.1:${listening.port}/`, {})
    socket.on('error', () => {}) // cut off is what it is to be
    // who reads nothing learns of it by writing
    const isCut = await eventually(() => {
      socket.write('x')
      return socket.destroyed || undefined
    }, 60_000)
    await listening.close(100)

    expect(isCut).to.equal(true)
  })
})

async function* forever() {
  const piece = Buffer.alloc(64 * 1024)
  for (;;) yield piece
}
