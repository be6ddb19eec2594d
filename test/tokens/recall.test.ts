import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { openRecall } from '../../shared/access/recall.ts'
import { type App, openApp } from '../../shared/app.ts'
import { authenticate } from '../../shared/tokens/authenticate.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('what requests recall of who a caller is', () => {
  let server: TestServer
  let organization: Awaited<ReturnType<typeof makeOrganization>>
  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
  })
  after(() => server.stop())

  const reader = async () => {
    const workspace = await makeWorkspace(server, organization)
    const member = await makeMember(server, organization, { workspaces: { [workspace.id]: 'read' } })
    const read = async () => (await member.api.get(`/workspaces/${workspace.id}`)).status
    expect(await read()).to.equal(200)
    return { member, read }
  }

  for (const [what, take] of Object.entries({
    'a suspended user is refused': (id: string) => sql.void`update users set suspended_at = now() where id = ${id}`,
    'a token that was deleted is refused': (id: string) => sql.void`delete from tokens where user_id = ${id}`,
    'who left the team sees nothing of it': (id: string) => sql.void`delete from team_members where user_id = ${id}`,
    'who left the organization sees nothing of it': (id: string) =>
      sql.void`delete from organization_memberships where user_id = ${id}`,
  })) {
    it(`${what} with the next request`, async () => {
      const { member, read } = await reader()

      await server.app.db.query(take(member.userId))

      expect(await read()).to.be.oneOf([401, 404])
    })
  }

  it('what was read while a transaction took it away is forgotten at its end', async () => {
    const { member, read } = await reader()

    await server.app.db.transaction(async (tx) => {
      await tx.query(sql.void`update users set suspended_at = now() where id = ${member.userId}`)
      // another connection does not see it yet
      expect(await read()).to.equal(200)
    })

    expect(await read()).to.equal(401)
  })

  it('a token that ends within a second is read each time', async () => {
    const { userId } = await makeMember(server, organization)
    const token = await insertToken(server.app.db, { kind: 'user', userId, expiredAt: new Date(Date.now() + 600) })

    const isValid = async () => (await authenticate(server.app, token.token)) !== null
    while (await isValid());

    expect((await server.as(token.token).get('/account/details')).status).to.equal(401)
  })

  it('what another process took away is believed for half a second at most', async () => {
    let now = 0
    const { recall } = openRecall(() => now)
    let loads = 0
    const load = async () => ({ load: ++loads })

    await recall.get('token a', load)
    now = 499
    const kept = await recall.get('token a', load)
    now = 500
    const fresh = await recall.get('token a', load)

    expect([kept, fresh]).to.deep.equal([{ load: 1 }, { load: 2 }])
  })

  it('another process refuses a token without being told', async () => {
    const other: App = await openApp(server.app.config, 'test', { listen: false, supervise: false })
    try {
      const { userId } = await makeMember(server, organization)
      const token = await insertToken(server.app.db, { kind: 'user', userId })
      expect(await authenticate(other, token.token)).to.not.equal(null)

      await server.app.db.query(sql.void`delete from tokens where id = ${token.id}`)

      while (await authenticate(other, token.token));
    } finally {
      await other.close()
    }
  })
})
