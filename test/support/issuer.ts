import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

/** How the next sign-in goes; every part can be wrong. */
export interface Says {
  claims: JWTPayload & Record<string, unknown>
  /** seconds from now */
  issuedIn?: number
  expiresIn?: number
  signedBy?: 'other' | 'nobody'
  tokenStatus?: number
  hugeKeys?: boolean
  /** what is told only when asked with the access token */
  userinfo?: Record<string, unknown>
}

/** A stand-in for an identity provider: discovery, keys, token; and GitHub's addresses. It signs in whom `says` names. */
export async function startIssuer() {
  const own = await generateKeyPair('RS256')
  const other = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const codes = new Map<string, { nonce: string | null; clientId: string }>()
  const bodies: string[] = []
  const issuer = { url: '', says: { claims: {} } as Says, bodies, code, stop }
  let count = 0

  /** What a person does there: the address that the browser is sent back to. */
  function code(address: string): string {
    const url = new URL(address)
    const name = `code-${++count}`
    codes.set(name, { nonce: url.searchParams.get('nonce'), clientId: url.searchParams.get('client_id')! })
    const back = new URL(url.searchParams.get('redirect_uri')!)
    back.searchParams.set('code', name)
    back.searchParams.set('state', url.searchParams.get('state')!)
    return back.pathname + back.search
  }

  async function idToken(made: { nonce: string | null; clientId: string }): Promise<string> {
    const { claims, issuedIn = 0, expiresIn = 300, signedBy } = issuer.says
    const now = Math.floor(Date.now() / 1000)
    const whole = {
      iss: issuer.url,
      aud: made.clientId,
      nonce: made.nonce,
      iat: now + issuedIn,
      exp: now + expiresIn,
      ...claims,
    }
    if (signedBy === 'nobody') {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none' })}.${part(whole)}.`
    }
    const key = signedBy === 'other' ? other.privateKey : own.privateKey
    return new SignJWT(whole).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(key)
  }

  async function answer(path: string, body: string): Promise<[number, unknown]> {
    const { says } = issuer
    if (path === '/.well-known/openid-configuration')
      return [
        200,
        {
          issuer: issuer.url,
          authorization_endpoint: `${issuer.url}/authorize`,
          token_endpoint: `${issuer.url}/token`,
          jwks_uri: `${issuer.url}/keys`,
          ...(says.userinfo && { userinfo_endpoint: `${issuer.url}/userinfo` }),
          response_types_supported: ['code'],
          id_token_signing_alg_values_supported: ['RS256'],
        },
      ]
    if (path === '/keys') return [200, { keys: [jwk], ...(says.hugeKeys && { more: 'x'.repeat(600_000) }) }]
    if (path === '/token' || path === '/login/oauth/access_token') {
      bodies.push(body)
      const made = codes.get(new URLSearchParams(body).get('code') ?? '')
      codes.delete(new URLSearchParams(body).get('code') ?? '')
      if (says.tokenStatus) return [says.tokenStatus, { error: 'server_error' }]
      if (!made || !new URLSearchParams(body).get('code_verifier')) return [400, { error: 'invalid_grant' }]
      const token = { access_token: 'access', token_type: 'bearer' }
      return [200, path === '/token' ? { ...token, id_token: await idToken(made) } : token]
    }
    if (path === '/userinfo') return [200, says.userinfo]
    if (path === '/api/v3/user') return [200, { id: says.claims.id, login: says.claims.login }]
    if (path === '/api/v3/user/emails') return [200, says.claims.emails]
    if (path === '/api/v3/user/teams') return [200, says.claims.teams]
    if (path === '/api/v3/user/orgs') return [200, []]
    return [404, {}]
  }

  const server = createServer((req, res) => {
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => {
      void answer(req.url!.replace(/\?.*/, ''), Buffer.concat(parts).toString()).then(([status, json]) => {
        res.writeHead(status, { 'content-type': 'application/json' })
        res.end(JSON.stringify(json))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  function stop(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  return issuer
}
