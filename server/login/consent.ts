// `terraform login`, the browser's half. Source: shared/api/cli-protocol.md 3; RFC 6749 4.1, RFC 7636, RFC 8252 7.3.
import { issueCode } from '../../shared/oauth/codes.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { allowFormTo } from '../security-headers.ts'

export const consentPages = new PageRoutes()

/** What a CLI asks for, checked; or why it cannot be answered. */
type Asked =
  | { ok: true; redirectUri: string; state: string; codeChallenge: string }
  /** The address is not the CLI's: tell the person, send nothing anywhere. */
  | { ok: false; error: string; sentence: string; redirectUri: string | null; state: string }

const LOWEST_PORT = 10000
const HIGHEST_PORT = 10010

function cliAddress(text: string): string | null {
  const url = URL.parse(text)
  const port = Number(url?.port)
  const fits =
    url?.protocol === 'http:' &&
    ['localhost', '127.0.0.1'].includes(url.hostname) &&
    url.pathname === '/login' &&
    port >= LOWEST_PORT &&
    port <= HIGHEST_PORT &&
    [url.search, url.hash, url.username, url.password].join('') === ''
  return fits ? text : null
}

function askedOf(get: (name: string) => string): Asked {
  const redirectUri = cliAddress(get('redirect_uri'))
  const state = get('state')
  const no = (error: string, sentence: string): Asked => ({ ok: false, error, sentence, redirectUri, state })
  if (!redirectUri)
    return no(
      'invalid_request',
      `redirect_uri must be http://localhost:PORT/login, PORT from ${LOWEST_PORT} to ${HIGHEST_PORT}.`,
    )
  if (get('client_id') !== 'terraform-cli') return no('unauthorized_client', 'client_id must be terraform-cli.')
  if (get('response_type') !== 'code') return no('unsupported_response_type', 'response_type must be code.')
  if (get('code_challenge_method') !== 'S256') return no('invalid_request', 'code_challenge_method must be S256.')
  if (!/^[A-Za-z0-9_-]{43}$/.test(get('code_challenge')))
    return no('invalid_request', 'code_challenge must be the SHA-256 of the verifier, base64url.')
  if (state.length > 1000) return no('invalid_request', 'state is too long.')
  return { ok: true, redirectUri, state, codeChallenge: get('code_challenge') }
}

async function refuse(ctx: PageContext, asked: Extract<Asked, { ok: false }>): Promise<void> {
  ctx.koa.status = 400
  await ctx.render('login/refused', { error: asked.error, sentence: asked.sentence })
}

consentPages.get('/oauth/authorize', { action: 'account:update' }, async (ctx) => {
  const asked = askedOf(ctx.ask)
  if (!asked.ok) return refuse(ctx, asked)
  // browsers apply form-action to the redirect after the form too
  allowFormTo(ctx.koa, new URL(asked.redirectUri).origin)
  await ctx.render('login/consent', { asked, fields: fieldsOf(ctx) })
})

const fieldNames = ['client_id', 'response_type', 'redirect_uri', 'state', 'code_challenge', 'code_challenge_method']
const fieldsOf = (ctx: PageContext) => fieldNames.map((name) => ({ name, value: ctx.ask(name) }))

consentPages.post('/oauth/authorize', { action: 'account:update' }, async (ctx) => {
  const { app, form, koa } = ctx
  const asked = askedOf(form.text)
  if (!asked.ok) return refuse(ctx, asked)
  const back = new URL(asked.redirectUri)
  if (form.text('answer') === 'allow') {
    back.searchParams.set(
      'code',
      await issueCode(app, {
        userId: ctx.session!.user_id,
        clientId: 'terraform-cli',
        redirectUri: asked.redirectUri,
        codeChallenge: asked.codeChallenge,
      }),
    )
  } else back.searchParams.set('error', 'access_denied')
  if (asked.state !== '') back.searchParams.set('state', asked.state)
  koa.status = 303
  koa.set('Location', back.href)
  koa.body = ''
})
