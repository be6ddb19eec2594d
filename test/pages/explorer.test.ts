import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { type Acme, makeAcme } from '../support/acme.ts'
import { at, violationsOf } from '../support/axe.ts'
import { signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { eventually, startJobsFor } from '../support/jobs.ts'
import { makeMember, makeWorkspace } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'
import { password, Web } from '../support/web.ts'

describe('the explorer', function () {
  this.timeout(120_000)
  let server: TestServer
  let jobs: Awaited<ReturnType<typeof startJobsFor>>
  let acme: Acme
  let web: Web
  let alpha: string
  const explorer = '/app/acme/explorer'
  before(async () => {
    server = await startServer()
    jobs = await startJobsFor(server)
    acme = await makeAcme(server)
    web = acme.web
    const lineage = randomUUID()
    alpha = (await makeWorkspace(server, { name: 'acme' }, { name: 'alpha' })).id
    const beta = (await makeWorkspace(server, { name: 'acme' }, { name: 'beta' })).id
    for (const [id, resources] of [
      [alpha, { a: '1', b: '2' }],
      [beta, { c: '3' }],
    ] as const) {
      await putState(server.api, id, { serial: 1, lineage, resources })
    }
    await eventually(async () => {
      const { n } = await server.app.db.one(sql.type(z.object({ n: z.number() }))`
        select count(*)::int as n from state_versions where resources_processed and providers <> '{}'`)
      return n === 2 ? true : undefined
    })
  })
  after(async () => {
    await jobs.stop()
    await server.stop()
  })

  it('lists workspaces by what their states are made of, and filters them in the address', async () => {
    const all = (await web.get(explorer)).html
    expect(all).to.include('href="/app/acme/workspaces/alpha"').and.include('href="/app/acme/workspaces/beta"')
    expect(all).to.include('state written by 1.11.4').and.include('1 provider, 0 modules')
    expect((await web.get('/app/acme/workspaces')).html).to.include(`href="${explorer}"`)

    const named = (await web.get(`${explorer}?name=ALPHA`)).html
    expect(named).to.include('workspaces/alpha"').and.include('value="ALPHA"')
    expect(named).to.not.include('workspaces/beta"')
    expect((await web.get(`${explorer}?provider=hashicorp/aws`)).html).to.include('Nothing matches.')
    expect((await web.get(`${explorer}?type=terraform_data&version=1.11.4`)).html).to.include('workspaces/beta"')
    expect((await web.get(`${explorer}?module=module.network`)).html).to.include('Nothing matches.')
    expect((await web.get(`${explorer}?kind=modules&type=data`)).html).to.include('Nothing matches.')
    expect((await web.get(`${explorer}?version=1.11`)).html).to.include('Nothing matches.')
  })

  it('counts workspaces and resources by provider, type and engine version, each leading to its workspaces', async () => {
    const providers = (await web.get(`${explorer}?kind=providers`)).html
    expect(providers).to.match(
      /href="\/app\/acme\/explorer\?kind=workspaces&amp;provider=terraform.io%2Fbuiltin%2Fterraform">terraform.io\/builtin\/terraform<\/a>/,
    )
    expect(providers)
      .to.include('2 workspaces')
      .and.match(/<td class="r num" role="cell">3<\/td>/)
    expect((await web.get(`${explorer}?kind=types`)).html).to.include('>terraform_data</a>')
    expect((await web.get(`${explorer}?kind=engines`)).html).to.include('>1.11.4</a>')
    expect((await web.get(`${explorer}?kind=nonsense&page=-4&sort=x`)).status).to.equal(200)
    const csv = await web.get(`${explorer}.csv?kind=providers`)
    expect(csv.html).to.equal('"provider","workspaces","resources"\n"terraform.io/builtin/terraform","2","3"\n')
    expect((await web.get(`${explorer}.csv`)).html).to.match(/"alpha","Default Project","terraform"/)
  })

  it('keeps a question under a name for the organization; only its author and owners delete it', async () => {
    await web.get(explorer)
    const saved = await web.post(`${explorer}/views`, {
      view: 'AWS',
      kind: 'workspaces',
      provider: 'aws',
      sort: '-resources',
    })
    expect(saved.location).to.equal(`${explorer}?kind=workspaces&sort=-resources&provider=aws`)
    const twice = await web.post(`${explorer}/views`, { view: 'aws', kind: 'types' })
    expect(twice.status).to.equal(422)
    expect(twice.html).to.include('id="view-error"').and.include('value="aws"')
    expect((await web.post(`${explorer}/views`, { view: ' ', kind: 'types' })).status).to.equal(422)

    const reader = await signedIn({ workspaces: { [alpha]: 'read' } })
    const page = await reader.get(explorer)
    const id = /id="(sq-\w+)"/.exec(page.html)![1]!
    expect(page.html).to.include('>AWS</a>').and.not.include('Delete the view')
    expect((await reader.post(`${explorer}/views/${id}/delete`, {})).status).to.equal(403)
    await reader.post(`${explorer}/views`, { view: 'mine', kind: 'types' })
    expect((await reader.get(explorer)).html).to.include('Delete the view mine')
    await web.get(explorer)
    expect((await web.post(`${explorer}/views/${id}/delete`, {})).location).to.equal(explorer)
    expect((await web.get(explorer)).html).to.not.include('>AWS</a>')
  })

  it('shows states only to who may read them', async () => {
    const seesOne = await signedIn({ workspaces: { [alpha]: 'read' } })
    const { html } = await seesOne.get(explorer)
    expect(html).to.include('workspaces/alpha"').and.not.include('workspaces/beta"')
    expect((await seesOne.get(`${explorer}?kind=types`)).html).to.include('1 workspace<')

    const noStates = await signedIn({ workspaces: { [alpha]: 'custom' } })
    expect((await noStates.get(explorer)).html)
      .to.include('No state yet.')
      .and.not.include('workspaces/alpha"')
    expect((await noStates.get(`${explorer}.csv`)).html).to.not.include('"alpha"')
  })

  async function signedIn(rights: Parameters<typeof makeMember>[2]): Promise<Web> {
    const member = await makeMember(server, { id: acme.organizationId }, rights)
    await updatePassword(server.app.db, member.userId, await hashPassword(password))
    const signed = new Web(server)
    await signed.signIn(member.username, password)
    return signed
  }

  it('is filtered and saved by keyboard without JavaScript, and has no fault of accessibility in both themes', async function () {
    if (!browserPath()) this.skip()
    const found: string[][] = []
    for (const colorScheme of ['light', 'dark'] as const)
      for (const javaScriptEnabled of [false, true]) {
        const { context, close } = await openBrowser({ colorScheme, javaScriptEnabled })
        try {
          const page = await context.newPage()
          await signIn(page, server.url, explorer)
          await page.getByRole('heading', { name: 'Explorer' }).waitFor()
          if (!javaScriptEnabled) {
            await page.getByRole('textbox', { name: 'Type' }).fill('terraform')
            await page.getByRole('textbox', { name: 'Type' }).press('Enter')
            await page.waitForURL(/type=terraform/)
            await page.getByLabel('Save this as').fill(`Data, ${colorScheme}`)
            await page.getByLabel('Save this as').press('Enter')
            await page.getByText(`Saved as “Data, ${colorScheme}”`).waitFor()
            continue
          }
          const kinds = { workspaces: `${explorer}?kind=workspaces`, providers: `${explorer}?kind=providers` }
          found.push(await violationsOf(page, at(server.url, kinds), colorScheme))
        } finally {
          await close()
        }
      }
    expect(found.flat()).to.deep.equal([])
  })
})
