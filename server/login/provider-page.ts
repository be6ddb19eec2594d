// Single sign-on. Source: OpenID Connect Core 3.1, RFC 6749 4.1, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
import { Problem, problem } from '../../shared/errors.ts'
import { countAddress, forgetAddress } from '../../shared/sessions/attempts.ts'
import { authorizationAddress, claimsOf, newChecks } from '../../shared/sign-in/claims.ts'
import { type Person, personOfIdentity } from '../../shared/sign-in/person.ts'
import { type Provider, selectOptionalEnabledProvider } from '../../shared/sign-in/providers.ts'
import { isFirstReturn } from '../../shared/sign-in/returns.ts'
import { recordChange } from '../audit/record.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { returnTo } from '../return-to.ts'
import { beginSession } from './begin-session.ts'
import { leaveFlow, takeFlow } from './flow.ts'

export const providerPages = new PageRoutes()

const redirectUri = (ctx: PageContext, provider: Provider) => `${ctx.origin}/app/login/${provider.slug}/callback`

async function providerOf(ctx: PageContext): Promise<Provider> {
  const provider = await selectOptionalEnabledProvider(ctx.app.db, ctx.params.provider!)
  if (!provider) throw problem('not_found', 'There is no sign-in of that name here. Choose one on the sign-in page.')
  return provider
}

/** Every refusal is a page that says what to do. */
async function orSayWhy(ctx: PageContext, to: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    ctx.koa.status = error.status
    await ctx.render('login/not-signed-in', { sentence: error.detail, returnTo: to })
  }
}

providerPages.get('/app/login/:provider', { action: 'public:read' }, async (ctx) => {
  const to = returnTo(ctx.ask('return_to'))
  await orSayWhy(ctx, to, async () => {
    const provider = await providerOf(ctx)
    const checks = newChecks()
    const address = await authorizationAddress(ctx.app, provider, redirectUri(ctx, provider), checks)
    leaveFlow(ctx, { providerId: provider.id, ...checks, returnTo: to })
    ctx.koa.status = 303
    ctx.koa.set('Location', address.href)
    ctx.koa.body = ''
  })
})

providerPages.get('/app/login/:provider/callback', { action: 'public:read' }, async (ctx) => {
  const { app, koa } = ctx
  const flow = takeFlow(ctx)
  await orSayWhy(ctx, flow?.returnTo ?? '/app', async () => {
    const provider = await providerOf(ctx)
    // of another provider, of another browser, or too old
    if (!flow || flow.providerId !== provider.id || flow.state !== ctx.ask('state')) throw stale()
    await countAddress(app.db, koa.ip)
    if (!(await isFirstReturn(app.db, flow.state))) throw stale()
    const address = new URL(redirectUri(ctx, provider) + koa.search)
    const claims = await claimsOf(app, provider, address, flow)
    const person = await app.db.transaction((tx) => personOfIdentity(tx, provider, claims))
    await forgetAddress(app.db, koa.ip)
    await beginSession(ctx, { id: person.userId, username: person.username })
    await recordSignIn(ctx, provider, person)
    ctx.redirect(returnTo(flow.returnTo))
  })
})

const stale = () =>
  problem(
    'bad_request',
    'This sign-in was not begun in this browser, it came back already, or it took too long. Start it again.',
  )

/** The callback is a GET that changes things: what it changed is written down here. */
async function recordSignIn(ctx: PageContext, provider: Provider, person: Person): Promise<void> {
  const after = { provider: provider.slug, username: person.username }
  if (person.how === 'made')
    await recordChange(ctx, null, { action: 'create', ...named('users', person.userId) }, after)
  if (person.how === 'linked')
    await recordChange(ctx, null, { action: 'link', ...named('users', person.userId) }, after)
  await recordChange(ctx, null, { action: 'login', ...named('sign-in-providers', provider.id) }, after)
  for (const { teamId, organizationId, change } of person.teams) {
    await recordChange(ctx, organizationId, { action: 'update', ...named('teams', teamId) }, { ...after, change })
  }
}

const named = (objectType: string, objectId: string) => ({ objectType, objectId })
