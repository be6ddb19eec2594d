import { expect } from 'chai'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { type Api, document, startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

describe('accounts and their tokens', () => {
  let server: TestServer
  let miraId: string
  let mira: Api
  let tarekId: string
  let tarek: Api
  const as = async (userId: string) =>
    server.as((await insertToken(server.app.db, { kind: 'user', userId, createdBy: userId })).token)
  before(async () => {
    server = await startServer()
    miraId = await makeUser(server, 'mira')
    tarekId = await makeUser(server, 'tarek')
    mira = await as(miraId)
    tarek = await as(tarekId)
  })
  after(() => server.stop())

  it('the details name the person behind the token', async () => {
    const { json } = await mira.get('/account/details')

    expect(json.data).to.include({ id: miraId, type: 'users' })
    expect(json.data.attributes).to.include({ username: 'mira', email: 'mira@people.example' })
    expect(json.data.attributes['avatar-url']).to.match(/^http/)
  })

  it('a new name and address are stored, one that is taken answers 422', async () => {
    const renamed = await tarek.patch('/account/update', document({ username: 'tarek2', email: 't2@people.example' }))
    const taken = await tarek.patch('/account/update', document({ email: 'MIRA@people.example' }))
    const broken = await tarek.patch('/account/update', document({ email: 'notamailaddress' }))

    expect(renamed.json.data.attributes).to.include({ username: 'tarek2', email: 't2@people.example' })
    expect([taken.status, broken.status]).to.deep.equal([422, 422])
    expect(taken.json.errors[0].source.pointer).to.equal('/data/attributes/email')
  })

  it('a new password ends the sessions and needs the old one', async () => {
    const id = await makeUser(server, 'lena')
    const lena = await as(id)
    const web = new Web(server)
    await web.signIn('lena', password)
    const next = 'a new long password'

    const wrong = await lena.patch('/account/password', document({ current_password: 'no', password: next }))
    const right = await lena.patch('/account/password', document({ current_password: password, password: next }))

    expect([wrong.status, right.status]).to.deep.equal([422, 200])
    expect((await web.get('/app')).status).to.equal(303)
    expect((await new Web(server).signIn('lena', next)).status).to.equal(303)
  })

  it('a token is shown at its creation only, ends after two years, and dies when it is deleted', async () => {
    const made = await mira.post(`/users/${miraId}/authentication-tokens`, document({ description: 'ci' }))
    const { id, attributes } = made.json.data
    const read = await mira.get(`/authentication-tokens/${id}`)

    expect(made.status).to.equal(201)
    const years = (Date.parse(attributes['expired-at']) - Date.parse(attributes['created-at'])) / 31_556_952_000
    expect(years).to.be.closeTo(2, 0.01)
    expect(read.json.data.attributes.token).to.equal(null)
    expect((await server.as(attributes.token).get('/account/details')).status).to.equal(200)

    expect((await mira.delete(`/authentication-tokens/${id}`)).status).to.equal(204)
    expect((await server.as(attributes.token).get('/account/details')).status).to.equal(401)
  })

  it("another person's account tokens are not there: to list, make, read or delete", async () => {
    const made = await mira.post(`/users/${miraId}/authentication-tokens`, document({ description: 'mine' }))
    const { id } = made.json.data

    for (const answer of [
      await tarek.get(`/users/${miraId}/authentication-tokens`),
      await tarek.post(`/users/${miraId}/authentication-tokens`, document({})),
      await tarek.get(`/authentication-tokens/${id}`),
      await tarek.delete(`/authentication-tokens/${id}`),
      await server.api.get(`/authentication-tokens/${id}`),
    ])
      expect(answer.status).to.equal(404)
  })

  it('people see each other when they share an organization', async () => {
    expect((await tarek.get(`/users/${miraId}`)).status).to.equal(404)
    expect((await server.api.get(`/users/${miraId}`)).json.data.attributes.username).to.equal('mira')
  })

  it('SEC-13 an expired token, a revoked one and random text get the same answer', async () => {
    const expired = await insertToken(server.app.db, { kind: 'user', userId: miraId, expiredAt: new Date(0) })
    const answers = [
      await server.as(expired.token).get('/account/details'),
      await server.as('random-text-random').get('/account/details'),
    ]

    expect(answers.map((a) => a.status)).to.deep.equal([401, 401])
    expect(answers[0]!.text).to.equal(answers[1]!.text)
  })

  it("an organization has one token of its own, and making it anew ends the former one's use", async () => {
    await mira.post('/organizations', document({ name: 'acme', email: 'a@acme.example' }))
    const path = '/organizations/acme/authentication-token'
    expect((await mira.get(path)).status).to.equal(404)

    const first = await mira.post(path)
    const second = await mira.post(path, document({ 'expired-at': '2099-01-01T00:00:00Z' }))
    const audit = await mira.post(`${path}?token=audit-trails`)

    expect((await server.as(first.json.data.attributes.token).get('/organizations/acme')).status).to.equal(401)
    expect((await server.as(second.json.data.attributes.token).get('/organizations/acme')).status).to.equal(200)
    expect((await mira.get(path)).json.data.id).to.equal(second.json.data.id)
    expect((await mira.get(`${path}?token=audit-trails`)).json.data.id).to.equal(audit.json.data.id)
    expect((await tarek.get(path)).status).to.equal(404)
    expect((await mira.delete(path)).status).to.equal(204)
    expect((await mira.delete(path)).status).to.equal(404)
  })
})
