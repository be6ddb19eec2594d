import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { type Api, document, startServer, type TestServer } from '../support/server.ts'
import { countStatements } from '../support/statements.ts'

describe('the workspaces of an organization', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const tags = (...names: string[]) => ({
    tags: { data: names.map((name) => ({ type: 'tags', attributes: { name } })) },
  })
  const bindings = (pairs: Record<string, string>) => ({
    'tag-bindings': {
      data: Object.entries(pairs).map(([key, value]) => ({ type: 'tag-bindings', attributes: { key, value } })),
    },
  })
  const names = async (api: Api, organization: { name: string }, query: string): Promise<string[]> => {
    const answer = await api.get(`/organizations/${organization.name}/workspaces?${query}`)
    expect(answer.status, answer.text).to.equal(200)
    return answer.json.data.map((w: { attributes: { name: string } }) => w.attributes.name)
  }

  it('are found by a part of the name, a wildcard, and the project, in the order that is asked for', async () => {
    const acme = await makeOrganization(server)
    const project = (await server.api.post(`/organizations/${acme.name}/projects`, document({ name: 'Plat' }))).json
      .data
    await makeWorkspace(server, acme, { name: 'app-prod' })
    await makeWorkspace(server, acme, { name: 'app_dev' }, { project: { data: { type: 'projects', id: project.id } } })
    await makeWorkspace(server, acme, { name: 'net-prod' })

    expect(await names(server.api, acme, '')).to.deep.equal(['app_dev', 'app-prod', 'net-prod'].sort())
    expect(await names(server.api, acme, 'sort=-name')).to.deep.equal(
      ['app_dev', 'app-prod', 'net-prod'].sort().reverse(),
    )
    expect(await names(server.api, acme, 'search[name]=APP')).to.have.members(['app_dev', 'app-prod'])
    expect(await names(server.api, acme, 'search[name]=app_')).to.deep.equal(['app_dev'])
    expect(await names(server.api, acme, 'search[wildcard-name]=*-prod')).to.deep.equal(['app-prod', 'net-prod'])
    expect(await names(server.api, acme, 'search[wildcard-name]=app_*')).to.deep.equal(['app_dev'])
    expect(await names(server.api, acme, `filter%5Bproject%5D%5Bid%5D=${project.id}`)).to.deep.equal(['app_dev'])
    expect(await names(server.api, acme, 'sort=current-run.created-at&filter[current-run][status]=planned')).to.be.empty
  })

  it('are found by tags, where a key with a value is a tag of that name', async () => {
    const acme = await makeOrganization(server)
    await makeWorkspace(server, acme, { name: 'flat' }, tags('env', 'team'))
    await makeWorkspace(server, acme, { name: 'prod' }, bindings({ env: 'prod', team: 'a' }))
    await makeWorkspace(server, acme, { name: 'dev' }, bindings({ env: 'dev' }))

    expect(await names(server.api, acme, 'search[tags]=env,team')).to.deep.equal(['flat', 'prod'])
    expect(await names(server.api, acme, 'search[exclude-tags]=team')).to.deep.equal(['dev'])
    expect(await names(server.api, acme, 'filter[tagged][0][key]=env&filter[tagged][0][value]=')).to.have.length(3)
    const terraformWithMap =
      'TagBindings=%7B+env+prod%7D&filter[tagged][1][value]=prod&filter[tagged][0][key]=team&filter[tagged][0][value]=a&filter[tagged][1][key]=env&search[tags]=env,team'
    expect(await names(server.api, acme, terraformWithMap)).to.deep.equal(['prod'])
  })

  it('API-07 filters and counts stay within what a member sees', async () => {
    const acme = await makeOrganization(server)
    const all = []
    for (let i = 0; i < 10; i++)
      all.push(await makeWorkspace(server, acme, { name: `w${i}` }, i % 2 === 0 ? tags('x') : {}))
    const [seen, second, third] = [all[0], all[1], all[3]]
    const member = await makeMember(server, acme, {
      workspaces: { [seen.id]: 'read', [second.id]: 'plan', [third.id]: 'admin' },
    })

    const byTag = await member.api.get(`/organizations/${acme.name}/workspaces?search[tags]=x`)
    expect(byTag.json.data.map((w: { id: string }) => w.id)).to.deep.equal([seen.id])
    expect(byTag.json.meta.pagination['total-count']).to.equal(1)
    expect(await names(member.api, acme, 'search[name]=w')).to.deep.equal(['w0', 'w1', 'w3'])
    const paged = await member.api.get(`/organizations/${acme.name}/workspaces?page[size]=1&page[number]=2`)
    expect(paged.json.data).to.have.length(1)
    expect(paged.json.meta.pagination).to.include({ 'total-count': 3, 'current-page': 2, 'total-pages': 3 })
    const past = await member.api.get(`/organizations/${acme.name}/workspaces?page[number]=999`)
    expect(past.json.data).to.be.empty
    expect(past.json.meta.pagination).to.include({ 'total-count': 3, 'current-page': 999 })
    const permissions = (await member.api.get(`/organizations/${acme.name}/workspaces`)).json.data.map(
      (w: { attributes: { permissions: Record<string, boolean> } }) => w.attributes.permissions,
    )
    expect(permissions.map((p: Record<string, boolean>) => p['can-update'])).to.deep.equal([false, false, true])
    expect(permissions.map((p: Record<string, boolean>) => p['can-queue-run'])).to.deep.equal([false, true, true])
  })

  it('an included organization and its default project do not lead to each other', async () => {
    const acme = await makeOrganization(server)
    await makeWorkspace(server, acme)

    const { json } = await server.api.get(
      `/organizations/${acme.name}/workspaces?include=organization,project,effective_tag_bindings,locked_by,current_run,current-state-version,current_configuration_version`,
    )

    const project = json.included.find((r: { type: string }) => r.type === 'projects')
    expect(json.included.map((r: { type: string }) => r.type)).to.include.members(['organizations', 'projects'])
    expect(project.relationships.organization).to.have.keys(['links'])
  })

  it('API-11 cost a list the same number of statements for 10 and for 100, with and without include', async () => {
    const acme = await makeOrganization(server)
    await server.app.db.query(sql.void`
      insert into workspaces (id, organization_id, project_id, name)
      select 'ws-many' || n, ${acme.id}, ${acme.projectId}, 'w' || n
      from generate_series(1, 120) n`)
    await server.app.db.query(sql.void`
      insert into tag_bindings (id, organization_id, workspace_id, key)
      select 'tb-many' || n, ${acme.id}, 'ws-many' || n, 'app'
      from generate_series(1, 120) n`)
    const count = (size: number, include: string) =>
      countStatements(server, async () => {
        const answer = await server.api.get(`/organizations/${acme.name}/workspaces?page[size]=${size}${include}`)
        expect(answer.json.data).to.have.length(size)
      })

    for (const include of ['', '&include=organization,project,current_run,locked_by']) {
      expect(await count(100, include), include).to.equal(await count(10, include))
    }
  })
})
