import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { type Claim, keepArtifact } from '../../shared/runs/hold.ts'
import { cutLargePlan } from '../../worker/background/plan-rows.ts'
import { readPlanFile } from '../../worker/execute/plan-files.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take } from '../support/worker.ts'

const BYTES = 100_000_000

/** `show -json` of a plan of some thousand big changes. */
function* planJson(): Generator<string> {
  const text = 'x'.repeat(20_000)
  yield '{"format_version":"1.2","planned_values":{"root_module":{}},"resource_changes":['
  for (let i = 0, size = 0; size < BYTES; i++) {
    const change = JSON.stringify({
      address: `aws_thing.t${i}`,
      mode: 'managed',
      type: 'aws_thing',
      name: `t${i}`,
      change: {
        actions: ['update'],
        before: { id: `${i}`, text, secret: 'hunter22' },
        after: { id: `${i}`, text: `${text}y`, secret: 'hunter23' },
        after_unknown: {},
        before_sensitive: { secret: true },
        after_sensitive: { secret: true },
      },
    })
    size += change.length + 1
    if (size > BYTES - 1000) break
    yield i === 0 ? change : `,${change}`
  }
  yield ']}'
}

describe('a plan of 100 MB', function () {
  this.timeout(240_000)
  let server: TestServer
  let folder: string
  before(async () => {
    server = await startServer()
    folder = await mkdtemp(join(tmpdir(), 'tofutf-large-plan-'))
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
  })
  after(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  /** Does the work while another client asks one ping after the other. @returns how many were answered */
  async function withPings(work: () => Promise<unknown>): Promise<number> {
    let isWorking = true
    let answered = 0
    const pings = (async () => {
      while (isWorking) {
        expect((await server.api.get('/ping')).status).to.equal(204)
        answered++
      }
    })()
    await work().finally(() => {
      isWorking = false
    })
    await pings
    return answered
  }

  async function keep(claim: Claim, name: 'plan-json' | 'plan-json-redacted', file: string): Promise<void> {
    const blob = await server.app.blobs.put(createReadStream(file), { maxBytes: 2 ** 31, tooLarge: '' })
    await keepArtifact(server.app, claim, name, blob.id)
  }

  it('API-18 is redacted, stored, cut, downloaded and shown while every ping is answered', async () => {
    const workspaceId = (await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))).json.data
      .id
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
    const run = await startRun(server.api, workspaceId)
    const claim = await take(server.app, run, 'plan')
    const [plan, redacted] = [join(folder, 'plan.json'), join(folder, 'redacted.json')]
    await pipeline(Readable.from(planJson()), createWriteStream(plan))
    await makeUser(server, 'mira', { isSiteAdmin: true })
    const web = new Web(server)
    await web.signIn('mira', password)

    const answered = {
      redacting: await withPings(() => readPlanFile({ plan, redacted, refreshOnly: false, secrets: [] })),
      storing: await withPings(async () => {
        await keep(claim, 'plan-json', plan)
        await keep(claim, 'plan-json-redacted', redacted)
        await finish(server.app, claim, { changes: 1 })
      }),
      cutting: await withPings(() => cutLargePlan(server.app, claim.phaseId)),
    }
    const page = await web.get(`/app/acme/workspaces/net/runs/${run}`)
    const json = await server.api.get(`/plans/${claim.phaseId}/json-output-redacted`)

    // a parse of 100 MB on the event loop would let through one or two
    for (const [step, count] of Object.entries(answered)) expect(count, step).to.be.greaterThan(10)
    expect(page.html.replace(/<[^>]+>/g, '')).to.match(/Changed in place\s*2,\d{3}/)
    expect(page.html).to.not.include('hunter2')
    expect(json.text.length).to.be.greaterThan((await stat(redacted)).size * 0.9)
    expect(json.text).to.not.include('hunter2')
  })
})
