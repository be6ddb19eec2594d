import { expect } from 'chai'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { makeMember, makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const DAY = 24 * 3600 * 1000

describe("an organization's rules for tokens", () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  async function withRules(attributes: Record<string, unknown>, policies: Record<string, number> = {}) {
    const organization = await makeOrganization(server)
    const member = await makeMember(server, organization)
    const path = `/organizations/${organization.name}`
    const list = Object.entries(policies).map(([type, ms]) => ({ 'token-type': type, 'max-ttl-ms': ms }))
    if (list.length > 0) await server.api.patch(`${path}/token-ttl-policies`, document({ 'token-ttl-policies': list }))
    await server.api.patch(path, document(attributes))
    return { organization, member, path }
  }

  it('a new token ends with the longest life allowed, and a longer wish is refused', async () => {
    const { path } = await withRules({ 'max-ttl-enabled': true }, { organization: DAY })

    const made = await server.api.post(`${path}/authentication-token`, document({}))
    const tooLong = await server.api.post(
      `${path}/authentication-token`,
      document({ 'expired-at': new Date(Date.now() + 2 * DAY).toISOString() }),
    )

    expect(made.status).to.equal(201)
    const end = new Date(made.json.data.attributes['expired-at']).getTime()
    expect(end).to.be.closeTo(Date.now() + DAY, 60_000)
    expect(tooLong.status).to.equal(422)
    expect(tooLong.json.errors[0].source.pointer).to.equal('/data/attributes/expired-at')
  })

  it('policies are kept but not obeyed while the setting is off', async () => {
    const { path } = await withRules({}, { organization: DAY })

    const made = await server.api.post(
      `${path}/authentication-token`,
      document({ 'expired-at': new Date(Date.now() + 30 * DAY).toISOString() }),
    )

    expect(made.status).to.equal(201)
  })

  it('a person comes in with a token that lives no longer than allowed, and with no other', async () => {
    const { member, path } = await withRules({ 'max-ttl-enabled': true }, { user: 7 * DAY })
    const token = async (expiredAt: Date | null) =>
      server.as((await insertToken(server.app.db, { kind: 'user', userId: member.userId, expiredAt })).token)
    const [short, long, endless] = [
      await token(new Date(Date.now() + DAY)),
      await token(new Date(Date.now() + 30 * DAY)),
      await token(null),
    ]

    expect((await short.get(path)).status).to.equal(200)
    expect((await long.get(path)).status).to.equal(401)
    expect((await endless.get(path)).status).to.equal(401)
    expect((await endless.get('/account/details')).status).to.equal(200)
  })

  it('an organization without user tokens takes those of its teams, and no token of a person', async () => {
    const { member, path } = await withRules({ 'user-tokens-enabled': false })

    expect((await member.teamApi.get(path)).status).to.equal(200)
    expect((await member.api.get(path)).status).to.equal(401)
    expect((await server.api.get(path)).status).to.equal(401)
  })

  it('other organizations are not concerned', async () => {
    await withRules({ 'user-tokens-enabled': false })
    const { path, member } = await withRules({})

    expect((await member.api.get(path)).status).to.equal(200)
  })
})
