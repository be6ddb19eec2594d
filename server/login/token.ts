// `terraform login`, the CLI's half: a code and its verifier for an API token. Source: RFC 6749 4.1.3 and 5.
import { exchangeCode } from '../../shared/oauth/codes.ts'
import { readForm } from '../form.ts'
import { type Context, Routes } from '../route.ts'

export const loginToken = new Routes()

loginToken.post('/oauth/token', { action: 'public:read' }, async ({ app, koa }) => {
  koa.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
  const form = await readForm(koa)
  if (form.text('grant_type') !== 'authorization_code') return refuse(koa, 'unsupported_grant_type')
  const token = await exchangeCode(app, {
    code: form.text('code'),
    clientId: form.text('client_id'),
    redirectUri: form.text('redirect_uri'),
    codeVerifier: form.text('code_verifier'),
  })
  if (!token) return refuse(koa, 'invalid_grant')
  koa.status = 200
  koa.type = 'application/json'
  koa.body = JSON.stringify({ access_token: token, token_type: 'bearer' })
})

function refuse(koa: Context['koa'], error: string): void {
  koa.status = 400
  koa.type = 'application/json'
  koa.body = JSON.stringify({ error })
}
