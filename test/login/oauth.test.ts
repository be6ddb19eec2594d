import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { makeUser, password, Web } from '../support/web.ts'

const redirectUri = 'http://localhost:10003/login'

describe('terraform login', () => {
  let server: TestServer
  let web: Web
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
    web = new Web(server)
    await web.signIn('mira', password)
  })
  after(() => server.stop())

  const verifier = () => `${randomUUID()}.${String(Math.random()).slice(2, 11).padEnd(9, '0')}`
  const asked = (codeVerifier: string, more: Record<string, string> = {}) => ({
    client_id: 'terraform-cli',
    response_type: 'code',
    state: 'st/a+te =1',
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  })
  const codeFor = async (codeVerifier: string): Promise<string> => {
    const answer = await web.post('/oauth/authorize', { ...asked(codeVerifier), answer: 'allow' })
    return new URL(answer.location!).searchParams.get('code')!
  }
  const exchange = async (code: string, codeVerifier: string, more: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: 'terraform-cli',
        code,
        code_verifier: codeVerifier,
        grant_type: 'authorization_code',
        redirect_uri: redirectUri,
        ...more,
      }),
    })
    return { status: answer.status, json: (await answer.json()) as { access_token: string; error?: string } }
  }

  it('needs a session and comes back to the consent after the sign-in', async () => {
    const query = new URLSearchParams(asked(verifier()))

    const answer = await new Web(server).get(`/oauth/authorize?${query}`)

    expect(answer.status).to.equal(303)
    expect(answer.location).to.match(/^\/app\/login\?return_to=%2Foauth%2Fauthorize%3F/)
  })

  it('the consent lets its form lead to the address of the CLI, and to no other', async () => {
    const page = await web.get(`/oauth/authorize?${new URLSearchParams(asked(verifier()))}`)

    expect(page.status).to.equal(200)
    expect(page.headers.get('content-security-policy')).to.include("form-action 'self' http://localhost:10003;")
  })

  it('a code becomes a token that works, and the state comes back unchanged', async () => {
    const secret = verifier()
    const answer = await web.post('/oauth/authorize', { ...asked(secret), answer: 'allow' })
    const back = new URL(answer.location!)
    const token = await exchange(back.searchParams.get('code')!, secret)

    expect(back.origin + back.pathname).to.equal(redirectUri)
    expect(back.searchParams.get('state')).to.equal('st/a+te =1')
    expect(token.status).to.equal(200)
    expect(token.json).to.include({ token_type: 'bearer' })
    expect((await server.as(token.json.access_token).get('/organizations')).status).to.equal(200)
  })

  it('a refusal by the person reaches the CLI without a code', async () => {
    const answer = await web.post('/oauth/authorize', { ...asked(verifier()), answer: 'deny' })
    const back = new URL(answer.location!)

    expect(back.searchParams.get('error')).to.equal('access_denied')
    expect(back.searchParams.get('code')).to.equal(null)
  })

  for (const [what, more] of [
    ['no code_challenge', { code_challenge: '' }],
    ['the method plain', { code_challenge_method: 'plain' }],
    ['no method', { code_challenge_method: '' }],
    ['another client', { client_id: 'evil' }],
    ['an address elsewhere', { redirect_uri: 'https://evil.example/login' }],
    ['an address that only begins well', { redirect_uri: 'http://localhost:10003@evil.example/login' }],
    ['a port out of range', { redirect_uri: 'http://localhost:9999/login' }],
    ['another path', { redirect_uri: 'http://localhost:10003/other' }],
  ] as [string, Record<string, string>][]) {
    it(`SEC-32 a request with ${what} gets no code`, async () => {
      const fields = asked(verifier(), more)
      const page = await web.get(`/oauth/authorize?${new URLSearchParams(fields)}`)
      const answer = await web.post('/oauth/authorize', { ...fields, answer: 'allow' })

      expect([page.status, answer.status]).to.deep.equal([400, 400])
      expect(answer.location).to.equal(null)
      expect(page.html).to.match(/invalid_request|unauthorized_client/)
    })
  }

  it('SEC-33 a second use of a code answers invalid_grant and revokes the token of the first', async () => {
    const secret = verifier()
    const code = await codeFor(secret)
    const first = await exchange(code, secret)
    const second = await exchange(code, secret)

    expect(first.status).to.equal(200)
    expect(second.status).to.equal(400)
    expect(second.json).to.deep.equal({ error: 'invalid_grant' })
    expect((await server.as(first.json.access_token).get('/organizations')).status).to.equal(401)
  })

  it('a wrong verifier, another address, another client and an expired code answer invalid_grant', async () => {
    const secret = verifier()
    const expired = await codeFor(secret)
    await server.app.db.query(
      sql.void`update oauth_codes set expires_at = now() - interval '1 second' where used_at is null`,
    )
    const answers = [
      await exchange(expired, secret),
      await exchange(await codeFor(secret), verifier()),
      await exchange(await codeFor(secret), secret, { redirect_uri: 'http://localhost:10004/login' }),
      await exchange(await codeFor(secret), secret, { client_id: 'other' }),
      await exchange('nonsense', secret),
    ]

    for (const answer of answers) {
      expect(answer.status).to.equal(400)
      expect(answer.json).to.deep.equal({ error: 'invalid_grant' })
    }
  })
})

describe('API tokens on the account page', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    await makeUser(server, 'mira')
    await makeUser(server, 'tarek')
  })
  after(() => server.stop())

  const tokenIn = (html: string) => /[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9]{67}/.exec(html)?.[0]

  it('the address that the CLI prints leads to them', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)

    expect((await web.get('/app/settings/tokens?source=terraform-login')).location).to.equal(
      '/app/account/tokens?source=terraform-login',
    )
  })

  it('a token is shown once and works until it is revoked', async () => {
    const web = new Web(server)
    await web.signIn('mira', password)
    const made = await web.post('/app/account/tokens', { description: 'laptop', days: '30' })
    const token = tokenIn(made.html)!
    const page = await web.get('/app/account/tokens')

    expect((await server.as(token).get('/organizations')).status).to.equal(200)
    expect(tokenIn(page.html)).to.equal(undefined)

    const revoke = /action="(\/app\/account\/tokens\/[^"]+\/revoke)"/.exec(page.html)![1]!
    expect((await web.post(revoke, {})).status).to.equal(303)
    expect((await server.as(token).get('/organizations')).status).to.equal(401)
  })

  it("somebody else's token is not there", async () => {
    const mira = new Web(server)
    await mira.signIn('mira', password)
    const made = await mira.post('/app/account/tokens', { description: 'mine', days: '0' })
    const revoke = /action="(\/app\/account\/tokens\/[^"]+\/revoke)"/.exec(made.html)![1]!
    const tarek = new Web(server)
    await tarek.signIn('tarek', password)

    expect((await tarek.post(revoke, {})).status).to.equal(404)
    expect((await server.as(tokenIn(made.html)!).get('/organizations')).status).to.equal(200)
  })
})
