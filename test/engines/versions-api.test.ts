import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { insertAgent } from '../../shared/agents/agents.ts'
import { newId } from '../../shared/ids.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { type Member, makeMember, makeOrganization } from '../support/people.ts'
import { type Api, document, startServer, type TestServer } from '../support/server.ts'
import { countStatements } from '../support/statements.ts'

const engines = [
  { name: 'terraform', version: '1.11.4' },
  { name: 'tofu', version: '1.9.0' },
]

describe('the versions at hand', () => {
  let server: TestServer
  let organization: Awaited<ReturnType<typeof makeOrganization>>
  let other: typeof organization
  let member: Member
  let foreignPool: string

  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
    other = await makeOrganization(server)
    member = await makeMember(server, organization)
    // an hour ahead: a slow machine does not lose it in the middle of a test
    await addRunner('living-worker', '1 hour')
    await addRunner('dead-worker', '-1 hour')
    const pool = await makePool(organization.name)
    foreignPool = await makePool(other.name)
    await addAgent('own-agent', pool, '1 hour')
    await addAgent('gone-agent', pool, '-1 hour')
    await addAgent('foreign-agent', foreignPool, '1 hour')
  })
  after(() => server?.stop())

  const addRunner = (name: string, seen: string) =>
    server.app.db.query(sql.void`
      insert into runners (id, name, version, concurrency, engines, heartbeat_at)
      values (${newId('runner')}, ${name}, '0.0.7', 3, ${sql.jsonb(engines)}, now() + ${seen}::interval)`)
  const makePool = async (name: string): Promise<string> =>
    (await server.api.post(`/organizations/${name}/agent-pools`, document({ name: 'pool' }))).json.data.id
  const addAgent = async (name: string, poolId: string, seen: string) => {
    const id = newId('agent')
    const facts = { name, address: '', version: '0.0.8', engines: engines.slice(1), labels: {}, concurrency: 2 }
    await insertAgent(server.app.db, id, poolId, facts)
    await server.app.db.query(sql.void`update agents set last_ping_at = now() + ${seen}::interval where id = ${id}`)
  }
  const read = async (api: Api) => {
    const answer = await api.get('/versions')
    expect(answer.status, answer.text).to.equal(200)
    return answer.json.data.attributes
  }
  const agentsSeenBy = async (api: Api): Promise<string[]> =>
    (await read(api)).agents.map((a: { name: string }) => a.name).sort()

  it('are told to nobody without an account: neither to strangers nor to agents', async () => {
    const { token } = await insertToken(server.app.db, {
      kind: 'agent',
      agentPoolId: foreignPool,
      organizationId: other.id,
    })

    const byNobody = await server.as(null).get('/versions')
    const byAgent = await server.as(token).get('/versions')

    expect([byNobody.status, byAgent.status]).to.deep.equal([401, 404])
    for (const { text } of [byNobody, byAgent]) expect(text).not.to.match(/worker|engines/)
  })

  it('a member sees the version and the engines of living workers without their names', async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'))

    const seen = await read(member.api)

    expect(seen.version).to.equal(version)
    expect(seen.workers).to.have.length(1)
    expect(seen.workers[0]).to.have.all.keys('version', 'last-heartbeat-at', 'concurrency', 'engines')
    expect(seen.workers[0]).to.deep.include({ version: '0.0.7', concurrency: 3, engines })
  })

  it('persons and tokens see the living agents of their own organization and of no other', async () => {
    const { token } = await insertToken(server.app.db, { kind: 'organization', organizationId: other.id })

    expect(await agentsSeenBy(member.api)).to.deep.equal(['own-agent'])
    expect(await agentsSeenBy(member.teamApi)).to.deep.equal(['own-agent'])
    expect(await agentsSeenBy(server.as(token))).to.deep.equal(['foreign-agent'])
    const { agents, 'agent-count': count } = await read(member.api)
    expect(count).to.equal(1)
    expect(agents[0]).to.deep.include({ version: '0.0.8', concurrency: 2, engines: engines.slice(1) })
  })

  it('who has left the organization, or is only invited, sees none of its agents', async () => {
    const invited = await makeMember(server, organization)
    const left = await makeMember(server, organization)
    const { db } = server.app
    await db.query(sql.void`
      update organization_memberships set status = 'invited' where user_id = ${invited.userId}`)
    await db.query(sql.void`delete from organization_memberships where user_id = ${left.userId}`)

    expect(await agentsSeenBy(invited.api)).to.be.empty
    expect(await agentsSeenBy(left.api)).to.be.empty
  })

  it('members of a disabled organization do not see its agents', async () => {
    const disabled = await makeOrganization(server)
    const { api } = await makeMember(server, disabled)
    await addAgent('disabled-agent', await makePool(disabled.name), '1 hour')
    expect(await agentsSeenBy(api)).to.deep.equal(['disabled-agent'])

    await server.api.patch(`/admin/organizations/${disabled.name}`, document({ 'is-disabled': true }))

    expect(await agentsSeenBy(api)).to.be.empty
    await server.app.db.query(sql.void`delete from agents where name = 'disabled-agent'`)
  })

  it('an organization that takes no tokens of persons shows them none of its agents', async () => {
    const strict = await makeOrganization(server)
    const { api, teamApi } = await makeMember(server, strict)
    await addAgent('strict-agent', await makePool(strict.name), '1 hour')
    expect(await agentsSeenBy(api)).to.deep.equal(['strict-agent'])

    const set = await server.api.patch(`/organizations/${strict.name}`, document({ 'user-tokens-enabled': false }))

    expect(set.status, set.text).to.equal(200)
    expect(await agentsSeenBy(api)).to.be.empty
    expect(await agentsSeenBy(teamApi)).to.deep.equal(['strict-agent'])
    await server.app.db.query(sql.void`delete from agents where name = 'strict-agent'`)
  })

  it('the site token sees the names of living workers and the agents of all organizations', async () => {
    const seen = await read(server.api)

    expect(seen.workers.map((w: { name: string }) => w.name)).to.deep.equal(['living-worker'])
    expect(await agentsSeenBy(server.api)).to.deep.equal(['foreign-agent', 'own-agent'])
  })

  it('more workers and agents cost no more statements', async () => {
    await read(member.api)
    const before = await countStatements(server, () => read(member.api))
    const pool = await makePool((await makeOrganization(server)).name)
    for (let n = 0; n < 5; n++) {
      await addRunner(`more-${n}`, '1 hour')
      await addAgent(`more-${n}`, pool, '1 hour')
    }

    expect(await countStatements(server, () => read(server.api))).to.be.at.most(before)
    expect(await countStatements(server, () => read(member.api))).to.equal(before)
    await server.app.db.query(sql.void`delete from runners where name like 'more-%'`)
    await server.app.db.query(sql.void`delete from agents where name like 'more-%'`)
  })
})
