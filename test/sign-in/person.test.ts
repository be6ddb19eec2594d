import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { randomText } from '../../shared/ids.ts'
import { type Claims, personOfIdentity } from '../../shared/sign-in/person.ts'
import { insertProvider, type Provider, type ProviderInput, updateProvider } from '../../shared/sign-in/providers.ts'
import { inviteMember } from '../../shared/teams/members.ts'
import { invitationCode, userOfInvitation } from '../../shared/users/invitations.ts'
import { makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { makeUser } from '../support/web.ts'

const input = (change: Partial<ProviderInput> = {}): ProviderInput => ({
  slug: `p-${randomText(8).toLowerCase()}`,
  kind: 'oidc',
  name: 'House',
  url: 'https://login.example',
  clientId: 'tofutf',
  clientSecret: 'secret',
  scopes: 'openid',
  groupsClaim: 'groups',
  groupPrefix: '',
  allowedDomains: [],
  createsUsers: true,
  linksUsers: false,
  isEnabled: true,
  ...change,
})

const claims = (change: Partial<Claims> = {}): Claims => {
  const name = `mira-${randomText(6).toLowerCase()}`
  return { subject: randomText(12), email: `${name}@acme.example`, emailVerified: true, name, groups: [], ...change }
}

describe('the account of who signed in elsewhere', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  const provider = (change: Partial<ProviderInput> = {}) => insertProvider(server.app, server.app.db, input(change))
  const signIn = (p: Provider, c: Claims) => server.app.db.transaction((tx) => personOfIdentity(tx, p, c))
  const refusal = (p: Provider, c: Claims) =>
    signIn(p, c).then(
      () => 'let in',
      (error: Error) => error.message,
    )
  const countUsers = () =>
    server.app.db.oneFirst(sql.type(z.object({ n: z.number() }))`select count(*)::int as n from users`)
  const emailOf = (userId: string) =>
    server.app.db.oneFirst(sql.type(z.object({ email: z.string().nullable() }))`
      select email
      from users
      where id = ${userId}`)
  const teamsOf = async (userId: string) =>
    (
      await server.app.db.anyFirst(sql.type(z.object({ name: z.string() }))`
        select t.name
        from team_members m
        join teams t on t.id = m.team_id
        where m.user_id = ${userId}`)
    ).toSorted()
  const organizationsOf = (userId: string) =>
    server.app.db.anyFirst(sql.type(z.object({ organization_id: z.string() }))`
      select organization_id
      from organization_memberships
      where user_id = ${userId} and status = 'active'`)
  const makeTeam = async (organization: { name: string }, name: string, group: string) =>
    (
      await server.api.post(
        `/organizations/${organization.name}/teams`,
        document({ name, 'sso-team-id': group, visibility: 'organization' }),
      )
    ).json.data.id as string

  it('is found by provider and subject, whatever name and address are now', async () => {
    const p = await provider()
    const first = await signIn(p, claims({ subject: 'a', name: 'Mira Öz' }))
    const again = await signIn(p, claims({ subject: 'a', name: 'other', email: 'new@else.example' }))

    expect(first).to.include({ how: 'made', username: 'Mira-O-z' })
    expect(again).to.include({ how: 'known', userId: first.userId, username: 'Mira-O-z' })
  })

  it('the same subject at two providers is two people', async () => {
    const one = await signIn(await provider(), claims({ subject: 'same' }))
    const other = await signIn(await provider(), claims({ subject: 'same' }))

    expect(one.userId).not.to.equal(other.userId)
  })

  it('twenty first sign-ins at once make one account', async () => {
    const p = await provider()
    const mine = claims()

    const people = await Promise.all(Array.from({ length: 20 }, () => signIn(p, mine)))

    expect(new Set(people.map((one) => one.userId)).size).to.equal(1)
    expect(people.filter((one) => one.how === 'made')).to.have.length(1)
  })

  it('an address that the provider did not verify is not kept', async () => {
    const { userId } = await signIn(await provider(), claims({ emailVerified: false }))

    expect(await emailOf(userId)).to.equal(null)
  })

  it('an account with a password is never opened by its address', async () => {
    const name = `lena-${randomText(6)}`
    await makeUser(server, name)
    const before = await countUsers()

    const said = await refusal(await provider({ linksUsers: true }), claims({ email: `${name}@people.example` }))

    expect(said).to.include('There is an account with your e-mail address already')
    expect(await countUsers()).to.equal(before)
  })

  it('an account that signs in elsewhere is never opened by its address', async () => {
    const mine = claims()
    await signIn(await provider(), mine)

    const said = await refusal(await provider({ linksUsers: true }), claims({ email: mine.email }))

    expect(said).to.include('There is an account with your e-mail address already')
  })

  it('an invited account becomes theirs when the provider may open accounts, and the invitation with it', async () => {
    const organization = await makeOrganization(server)
    const mine = claims()
    await inviteMember(server.app.db, organization.id, mine.email!, [])
    const userId = await server.app.db.oneFirst(sql.type(z.object({ id: z.string() }))`
      select id
      from users
      where email = ${mine.email}`)
    const code = await invitationCode(server.app, userId)
    expect(await refusal(await provider(), mine)).to.include('waits here')
    const trusted = await provider({ linksUsers: true })
    expect(await refusal(trusted, { ...mine, name: 'x', emailVerified: false })).to.equal('let in')

    const person = await signIn(await provider({ linksUsers: true }), mine)

    expect(person).to.include({ how: 'linked', userId, username: mine.name })
    expect(await organizationsOf(userId)).to.deep.equal([organization.id])
    const used = await userOfInvitation(server.app, code).catch((error: Error) => error.message)
    expect(used).to.include('used already')
  })

  it('nobody is made where the provider may not make accounts', async () => {
    const before = await countUsers()

    expect(await refusal(await provider({ createsUsers: false }), claims())).to.include('There is no account here')
    expect(await countUsers()).to.equal(before)
  })

  it('only verified addresses of the allowed domains come in', async () => {
    const p = await provider({ allowedDomains: ['acme.example'] })

    expect(await refusal(p, claims({ email: 'x@evil.example' }))).to.include('certain domains')
    expect(await refusal(p, claims({ email: 'x@acme.example.evil.example' }))).to.include('certain domains')
    expect(await refusal(p, claims({ emailVerified: false }))).to.include('certain domains')
    expect(await refusal(p, claims())).to.equal('let in')
  })

  it('a suspended account stays out', async () => {
    const p = await provider()
    const mine = claims()
    const { userId } = await signIn(p, mine)
    await server.app.db.query(sql.void`update users set suspended_at = now() where id = ${userId}`)

    expect(await refusal(p, mine)).to.include('suspended')
  })

  it('a group brings its teams and their organization; another one does not', async () => {
    const organization = await makeOrganization(server)
    await makeTeam(organization, 'platform', 'g-platform')
    await makeTeam(organization, 'audit', 'g-audit')

    const { userId } = await signIn(await provider(), claims({ groups: ['g-platform', 'unknown', ''] }))

    expect(await teamsOf(userId)).to.deep.equal(['platform'])
    expect(await organizationsOf(userId)).to.deep.equal([organization.id])
  })

  it('SEC-36: who is no longer in the group loses what it brought, and keeps what was given by hand', async () => {
    const organization = await makeOrganization(server)
    await makeTeam(organization, 'brought', 'g-brought')
    const kept = await makeTeam(organization, 'kept', 'g-kept')
    const p = await provider()
    const mine = claims()
    const { userId, username } = await signIn(p, { ...mine, groups: ['g-brought', 'g-kept'] })
    await server.api.post(`/teams/${kept}/relationships/users`, { data: [{ type: 'users', id: username }] })

    await signIn(p, { ...mine, groups: [] })

    expect(await teamsOf(userId)).to.deep.equal(['kept'])
    expect(await organizationsOf(userId)).to.deep.equal([organization.id])
  })

  it('SEC-36: an organization that only groups brought is left with the last of them', async () => {
    const organization = await makeOrganization(server)
    await makeTeam(organization, 'a', 'g-last-a')
    await makeTeam(organization, 'b', 'g-last-b')
    const p = await provider()
    const mine = claims()
    const { userId } = await signIn(p, { ...mine, groups: ['g-last-a', 'g-last-b'] })

    await signIn(p, { ...mine, groups: ['g-last-b'] })
    expect(await organizationsOf(userId)).to.deep.equal([organization.id])
    await signIn(p, { ...mine, groups: [] })

    expect(await organizationsOf(userId)).to.deep.equal([])
  })

  it('the last owner stays one without the group, until there is another', async () => {
    const organization = await makeOrganization(server)
    const owners = (await server.api.get(`/organizations/${organization.name}/teams`)).json.data.find(
      (t: { attributes: { name: string } }) => t.attributes.name === 'owners',
    ).id
    await server.api.patch(`/teams/${owners}`, document({ 'sso-team-id': 'g-owners' }))
    const p = await provider()
    const [mine, other] = [claims(), claims()]
    const { userId } = await signIn(p, { ...mine, groups: ['g-owners'] })
    await server.app.db.query(sql.void`
      delete from team_members
      where team_id = ${owners} and user_id <> ${userId}`)

    await signIn(p, { ...mine, groups: [] })
    expect(await teamsOf(userId)).to.deep.equal(['owners'])
    await signIn(p, { ...other, groups: ['g-owners'] })
    await signIn(p, { ...mine, groups: [] })

    expect(await teamsOf(userId)).to.deep.equal([])
  })

  it('a prefix keeps the groups of one provider apart from those of another', async () => {
    const organization = await makeOrganization(server)
    await makeTeam(organization, 'house', 'admins')
    await makeTeam(organization, 'hub', 'github:admins')

    const { userId } = await signIn(await provider({ groupPrefix: 'github:' }), claims({ groups: ['admins'] }))

    expect(await teamsOf(userId)).to.deep.equal(['hub'])
  })

  it('a provider whose groups are no longer looked at brings none', async () => {
    const organization = await makeOrganization(server)
    await makeTeam(organization, 'ops', 'g-ops')
    const settings = input()
    const p = await provider(settings)
    const mine = claims({ groups: ['g-ops'] })
    const { userId } = await signIn(p, mine)

    await signIn(await updateProvider(server.app, server.app.db, p.id, { ...settings, groupsClaim: '' }), mine)

    expect(await teamsOf(userId)).to.deep.equal([])
  })

  it('somebody who signs in elsewhere is a member at once when invited', async () => {
    const organization = await makeOrganization(server)
    const mine = claims()
    const { userId } = await signIn(await provider(), mine)

    await inviteMember(server.app.db, organization.id, mine.email!, [])

    expect(await organizationsOf(userId)).to.deep.equal([organization.id])
  })
})
