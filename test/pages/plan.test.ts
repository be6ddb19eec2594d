import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { PlanDocument } from '../../shared/plans/json.ts'
import { redactPlan } from '../../worker/execute/plan-json.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { changeOf, examplePlan, keepPlan } from '../support/plans.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'
import { finish, take } from '../support/worker.ts'

describe('the plan of a run', () => {
  let server: TestServer
  let web: Web
  let workspaceId: string
  const path = '/app/acme/workspaces/net/runs'
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira', { isSiteAdmin: true })
    web = new Web(server)
    await web.signIn('mira', password)
    await server.api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    workspaceId = (await server.api.post('/organizations/acme/workspaces', document({ name: 'net' }))).json.data.id
    await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  })
  after(() => server.stop())

  /** A plan-only run: many may be there at once. */
  async function planned(plan = examplePlan(), attributes: Record<string, unknown> = { 'plan-only': true }) {
    const id = await startRun(server.api, workspaceId, attributes)
    const claim = await take(server.app, id, 'plan')
    await keepPlan(server.app, claim, plan)
    await finish(server.app, claim, { destructions: 1 })
    return id
  }
  const text = (html: string) =>
    html
      .replace(/<[^>]+>/g, ' ')
      .replaceAll('&quot;', '"')
      .replace(/\s+/g, ' ')

  it('stands by risk: what is lost first, what holds data named in the decision', async () => {
    const id = await planned(examplePlan(), {})

    const { html } = await web.get(`${path}/${id}`)
    const words = text(html)

    const order = [
      'Destroyed 2',
      'Replaced 1',
      'Leaves the state 1',
      'Changed in place 6',
      'Created 4',
      'Read during apply 1',
    ]
    expect(order.map((title) => words.indexOf(title))).to.deep.equal(
      order.map((title) => words.indexOf(title)).sort((a, b) => a - b),
    )
    expect(order.every((title) => words.includes(title))).to.equal(true)
    expect(words).to.include('2 destroyed, 1 replaced , 1 left unmanaged, not destroyed, 6 changed, 4 created')
    expect(words).to.include('One of them holds data: aws_db_instance.reports')
    expect(words).to.include('not in the configuration any more').and.include('key left for_each')
    expect(words).to.include('because of availability_zone').and.include('forces replacement')
    expect(words).to.include('4 resources of 4 types').and.include('same change in all, tags only')
    expect(words).to.include('[4 keys]').and.include('only cidr_block differs')
    expect(words).to.include('Unchanged: 1')
    await web.post(`${path}/${id}/discard`, { status: 'planned' })
  })

  it('WEB-05 what leaves the state undestroyed is neither a destruction nor nothing, and can be confirmed', async () => {
    const id = await planned(
      { resource_changes: [changeOf('terraform_data.a', ['forget'], { before: { id: '1' } })] },
      {},
    )

    const { html } = await web.get(`${path}/${id}`)

    expect(text(html)).to.include('1 left unmanaged, not destroyed').and.include('Confirm and apply')
    expect(text(html)).to.include('Leaves the state').and.not.include('Destroyed')
    await web.post(`${path}/${id}/discard`, { status: 'planned' })
  })

  it('WEB-06 of a list only the element that changes is shown as changed', async () => {
    const id = await planned({
      resource_changes: [
        changeOf('terraform_data.l', ['update'], {
          before: { input: ['a', 'b', 'c'] },
          after: { input: ['a', 'B', 'c'] },
        }),
      ],
    })

    const { html } = await web.get(`${path}/${id}`)

    expect([...html.matchAll(/<(del|ins)>([^<]*)<\/\1>/g)].map((m) => `${m[1]} ${m[2]}`)).to.deep.equal([
      'del &quot;b&quot;',
      'ins &quot;B&quot;',
    ])
    expect(text(html)).to.include('3 elements 1 unchanged "b" 1 unchanged')
  })

  it('WEB-07 sensitive values are nowhere, whether they differ is', async () => {
    const id = await planned({
      resource_changes: [
        changeOf('aws_db_instance.a', ['update'], {
          before: { password: 'old-secret', note: 'n1' },
          after: { password: 'new-secret', note: 'n2' },
          after_sensitive: { password: true },
        }),
      ],
      output_changes: { s: { actions: ['create'], before: null, after: 'out-secret', after_sensitive: true } },
    })

    const run = await web.get(`${path}/${id}`)
    const change = await web.get(`${path}/${id}/changes/1`)
    const search = await web.get(`${path}/${id}/plan?q=secret`)

    expect(run.html + change.html + search.html).to.not.match(/(old|new|out)-secret/)
    expect(text(run.html)).to.include('sensitive').and.include('differs').and.include('1 sensitive')
    expect(text(search.html)).to.include('Nothing in this plan matches.')
  })

  it('WEB-07 a copy that a provider made without the mark is hidden too, in the page and in the redacted JSON', async () => {
    const raw = {
      resource_changes: [
        changeOf('terraform_data.b', ['update'], {
          before: { input: 'hidden-1', output: 'hidden-1' },
          after: { input: 'hidden-2' },
          after_unknown: { output: true },
          before_sensitive: { input: true },
          after_sensitive: { input: true },
        }),
      ],
    }
    const id = await planned(redactPlan(raw as never) as unknown as PlanDocument)

    const page = await web.get(`${path}/${id}`)
    const planId = (await server.api.get(`/runs/${id}`)).json.data.relationships.plan.data.id
    const json = await server.api.get(`/plans/${planId}/json-output-redacted`)

    expect(page.html + json.text).to.not.include('hidden-')
    expect(json.json.resource_changes).to.have.length(1)
    expect(text(page.html)).to.include('sensitive known after apply')
  })

  it('a plan that is too large is told as such, with its JSON', async () => {
    const id = await startRun(server.api, workspaceId, { 'plan-only': true })
    const claim = await take(server.app, id, 'plan')
    expect(text((await web.get(`${path}/${id}`)).html)).to.include('The plan appears here when the engine has made it.')
    await keepPlan(server.app, claim, {})
    await finish(server.app, claim, {})
    await server.app.db.query(sql.void`
      update plan_summaries
      set summary = ${JSON.stringify({ isTooLarge: true, counts: {} })}
      where plan_id = ${claim.phaseId}`)

    expect(text((await web.get(`${path}/${id}`)).html)).to.include('cannot be shown change by change. Its JSON')
  })

  it('is filtered by action, searched by address, path and value, and grouped by module', async () => {
    const id = await planned()
    const words = async (query: string) => text((await web.get(`${path}/${id}/plan${query}`)).html)

    expect(await words('?action=replace'))
      .to.include('bastion')
      .and.not.include('reports')
    expect(await words('?q=8443'))
      .to.include('public')
      .and.not.include('bastion')
    expect(await words('?q=AVAILABILITY_zone'))
      .to.include('bastion')
      .and.not.include('subnet')
    // a hit in one of equal changes shows the row that stands for them
    expect(await words('?q=10.20.32.0')).to.include('4 instances')
    expect(await words('?group=module'))
      .to.include('module.network')
      .and.include('Root module')
    expect(await words('?kind=output'))
      .to.include('edge_ports')
      .and.include('token')
    expect(await words('?noise=hide')).to.not.include('4 resources of 4 types')
  })

  it('one change opens by its link: with what stays the same, and the keys of equal ones', async () => {
    const id = await planned()
    const { html } = await web.get(`${path}/${id}`)
    const fold = /id="c-(\d+)" hx-get="([^"]+)"[^>]*><summary>(?:(?!<\/summary>).)*4 instances/.exec(html)

    const whole = await web.get(fold![2]!)
    const part = await web.get(fold![2]!, { 'hx-request': 'true' })

    expect(text(whole.html)).to.include('"app-1a"').and.include('4 values').and.include('"vpc-0b81f4c2"')
    expect(part.html).to.not.include('<html')
    expect((await web.get(`${path}/${id}/changes/9999`)).status).to.equal(404)
    expect((await web.get(`${path}/${id}/json`)).html)
      .to.include('"resource_changes"')
      .and.not.include('provider_schemas')
  })

  it('a plan whose worker died before its rows were stored is cut by a job within a minute', async () => {
    const { cutMissed } = await import('../../shared/plans/store.ts')
    const { cutLargePlan } = await import('../../worker/background/plan-rows.ts')
    const id = await planned()
    const { plan_id } = await server.app.db.one(sql.type(z.object({ plan_id: z.string() }))`
      delete from plan_summaries
      where plan_id = (select id from phases where run_id = ${id} and kind = 'plan')
      returning plan_id`)
    expect(await cutMissed(server.app)).to.equal(0)
    await server.app.db.query(sql.void`
      update phases
      set finished_at = now() - interval '1 minute'
      where id = ${plan_id}`)

    expect(await cutMissed(server.app)).to.equal(1)
    await cutLargePlan(server.app, plan_id)

    expect(await cutMissed(server.app)).to.equal(0)
    expect(text((await web.get(`${path}/${id}`)).html)).to.include('reports-prod')
  })

  it('a plan of 10,000 changes is cut by the background job and read page by page', async function () {
    this.timeout(60_000)
    const { cutLargePlan } = await import('../../worker/background/plan-rows.ts')
    const changes = Array.from({ length: 10_000 }, (_, i) =>
      changeOf(`module.m${i % 50}.aws_thing_${i}.x`, [i % 100 === 0 ? 'delete' : 'update'], {
        before: { id: `i-${i}`, a: i, text: 'x'.repeat(50), tags: { n: `${i}`, same: 'y' } },
        ...(i % 100 !== 0 && {
          after: { id: `i-${i}`, a: i + 1, text: 'x'.repeat(50), tags: { n: `${i}+`, same: 'y' } },
        }),
      }),
    )
    const id = await startRun(server.api, workspaceId, { 'plan-only': true })
    const claim = await take(server.app, id, 'plan')
    await keepPlan(server.app, claim, { resource_changes: changes })
    await finish(server.app, claim, {})
    expect((await web.get(`${path}/${id}`)).html).to.include('The plan is being prepared')

    await cutLargePlan(server.app, claim.phaseId)
    const read = async (query: string) => (await web.get(`${path}/${id}${query}`)).html
    const first = await read('')

    expect(first.match(/<details class="res"/g)).to.have.length(200)
    expect(text(first)).to.include('Destroyed 100').and.include('Changed in place 9,900')
    const next = /href="([^"]+\/plan\?after=\d+)"/.exec(first)![1]!
    expect((await web.get(next)).html.match(/<details class="res"/g)).to.have.length(100)
    expect(text(await read('/plan?q=m7.aws_thing_4907'))).to.include('aws_thing_4907')
    expect(text(await read('/plan?group=type'))).to.include('aws_thing_')
  })
})
