import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type Acme, makeAcme } from '../support/acme.ts'
import { at, violationsOf } from '../support/axe.ts'
import { signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('limits, retention and lifetimes on settings pages', function () {
  this.timeout(120_000)
  let server: TestServer
  let acme: Acme
  let web: Web
  before(async () => {
    server = await startServer()
    acme = await makeAcme(server)
    web = acme.web
  })
  after(() => server.stop())

  const organization = async () => (await server.api.get('/organizations/acme')).json.data
  const workspace = async () => (await server.api.get('/organizations/acme/workspaces/net')).json.data
  const limits = '/app/acme/settings/limits'
  const lifetime = '/app/acme/workspaces/net/settings/lifetime'
  const plain = {
    'concurrent-run-limit': '',
    'plan-timeout': '120',
    'apply-timeout': '1440',
    keep: '',
    days: '',
  }

  it('an organization limits what runs at once and keeps data for days; the API says the same', async () => {
    const saved = await web.post(limits, {
      ...plain,
      'concurrent-run-limit': '7',
      'plan-timeout': '30',
      keep: 'days',
      days: '90',
    })

    expect(saved.location).to.equal(limits)
    const { attributes, relationships } = await organization()
    expect(attributes).to.include({ 'concurrent-run-limit': 7, 'plan-timeout': 30, 'apply-timeout': 1440 })
    expect(relationships['data-retention-policy']).to.not.equal(undefined)
    const policy = await server.api.get('/organizations/acme/relationships/data-retention-policy')
    expect(policy.json.data.attributes['delete-older-than-n-days']).to.equal(90)
    expect((await web.get(limits)).html)
      .to.include('value="7"')
      .and.include('value="90"')
    await web.post(limits, plain)
    expect((await organization()).attributes['concurrent-run-limit']).to.equal(null)
    expect((await server.api.get('/organizations/acme/relationships/data-retention-policy')).status).to.equal(404)
  })

  it('a number that is none comes back with what was typed, and nothing is saved', async () => {
    const wrong = await web.post(limits, { ...plain, 'plan-timeout': '45', 'concurrent-run-limit': 'many' })
    expect(wrong.status).to.equal(422)
    expect(wrong.html)
      .to.include('id="concurrent-run-limit-error"')
      .and.include('value="many"')
      .and.include('value="45"')
    expect((await web.post(limits, { ...plain, keep: 'days', days: '0' })).html).to.include('id="days-error"')
    expect((await web.post(limits, { ...plain, 'plan-timeout': '' })).status).to.equal(422)
    expect((await organization()).attributes['plan-timeout']).to.equal(120)
  })

  it('tokens live no longer than an organization says', async () => {
    const days = { 'user-days': '30', 'team-days': '60', 'organization-days': '90', 'audit-days': '10' }
    await web.get('/app/acme/settings/sign-in')

    await web.post('/app/acme/settings/sign-in', {
      ...days,
      'user-tokens': 'on',
      'max-ttl': 'on',
      'session-timeout': '480',
    })

    const { json } = await server.api.get('/organizations/acme/token-ttl-policies')
    const lives = json.data.map((p: { attributes: Record<string, unknown> }) => [
      p.attributes['token-type'],
      (p.attributes['max-ttl-ms'] as number) / 86_400_000,
    ])
    expect(Object.fromEntries(lives)).to.deep.equal({ user: 30, team: 60, organization: 90, audit_trails: 10 })
    expect((await organization()).attributes).to.include({ 'max-ttl-enabled': true, 'session-timeout': 480 })
    expect((await web.post('/app/acme/settings/sign-in', { ...days, 'team-days': '0' })).html).to.include(
      'team-days-error',
    )
    await web.post('/app/acme/settings/sign-in', { ...days, 'user-tokens': 'on' })
  })

  it('a workspace has its own times: for plans that wait, for destruction, for old data', async () => {
    const form = {
      'unconfirmed-plan-timeout-minutes': '60',
      'discard-superseded-runs': 'on',
      'auto-destroy-at': '2036-12-24T18:00',
      idle: 'own',
      'auto-destroy-activity-duration': '14d',
      keep: 'days',
      days: '30',
    }
    expect((await web.post(lifetime, form)).location).to.equal(lifetime)

    expect((await workspace()).attributes).to.include({
      'unconfirmed-plan-timeout-minutes': 60,
      'discard-superseded-runs': true,
      'auto-destroy-at': '2036-12-24T18:00:00.000Z',
      'auto-destroy-activity-duration': '14d',
      'inherits-project-auto-destroy': false,
    })
    expect((await web.get(lifetime)).html)
      .to.include('value="2036-12-24T18:00"')
      .and.include('value="14d"')
    const wrong = await web.post(lifetime, { ...form, 'auto-destroy-activity-duration': 'soon' })
    expect(wrong.status).to.equal(422)
    expect(wrong.html).to.include('id="auto-destroy-activity-duration-error"')
    expect((await web.post(lifetime, { ...form, 'auto-destroy-at': 'Christmas' })).html).to.include(
      'auto-destroy-at-error',
    )
    const half = await web.post(lifetime, { ...form, 'unconfirmed-plan-timeout-minutes': '90', days: '' })
    expect(half.status).to.equal(422)
    expect((await workspace()).attributes['unconfirmed-plan-timeout-minutes']).to.equal(60)
    await web.post(lifetime, { idle: 'project', keep: '' })
    expect((await workspace()).attributes).to.include({
      'auto-destroy-at': null,
      'inherits-project-auto-destroy': true,
      'discard-superseded-runs': false,
    })
  })

  it('a project says when its idle workspaces are destroyed', async () => {
    const fields = { name: 'platform', description: '' }
    await web.get(acme.project)
    await web.post(acme.project, { ...fields, 'auto-destroy-activity-duration': '21d' })
    const id = acme.project.split('/').at(-1)!
    expect((await server.api.get(`/projects/${id}`)).json.data.attributes['auto-destroy-activity-duration']).to.equal(
      '21d',
    )
    expect((await web.post(acme.project, { ...fields, 'auto-destroy-activity-duration': '3 weeks' })).status).to.equal(
      422,
    )
  })

  it('whoever may not change settings finds none of these pages', async () => {
    await makeUser(server, 'tarek')
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)
    for (const path of [limits, '/app/acme/settings/sign-in', lifetime]) {
      expect((await tarek.get(path)).status, path).to.equal(404)
      await tarek.get('/app')
      expect((await tarek.post(path, plain)).status, path).to.equal(404)
    }
  })

  it('they are filled by keyboard without JavaScript, and have no fault of accessibility in both themes', async function () {
    if (!browserPath()) this.skip()
    for (const colorScheme of ['light', 'dark'] as const) {
      // axe needs scripts
      for (const javaScriptEnabled of [true, false]) {
        const { context, close } = await openBrowser({ colorScheme, javaScriptEnabled })
        try {
          const page = await context.newPage()
          await signIn(page, server.url, limits)
          if (!javaScriptEnabled) await fill(page)
          else
            expect(
              await violationsOf(
                page,
                at(server.url, { limits, lifetime, 'sign-in-rules': '/app/acme/settings/sign-in' }),
                colorScheme,
              ),
            ).to.deep.equal([])
        } finally {
          await close()
        }
      }
    }
  })

  async function fill(page: Page): Promise<void> {
    await page.getByLabel('Runs at once').fill('12')
    await page.getByLabel('Runs at once').press('Enter')
    await page.getByText('Saved.').waitFor()
    expect((await organization()).attributes['concurrent-run-limit']).to.equal(12)
  }
})
