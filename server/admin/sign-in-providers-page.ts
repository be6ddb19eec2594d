import type { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import { deleteProvider } from '../../shared/sign-in/delete-provider.ts'
import {
  insertProvider,
  type Provider,
  type ProviderKind,
  providerKindNames,
  providerKinds,
  selectProvidersPage,
  updateProvider,
} from '../../shared/sign-in/providers.ts'
import { orDrawAgain } from '../form-error.ts'
import { titled } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { Create, callbackOf, checkInput, inputOf, Update } from './sign-in-provider-input.ts'
import { providerById } from './sign-in-providers.ts'

/** Where people sign in beside their passwords: the page of what sign-in-providers.ts answers. */
export const signInProviderPages = new PageRoutes()

const path = '/app/admin/sign-in-providers'
const one = `${path}/:sign_in_provider_id`
const site = { action: 'site:admin' } as const
const ofOne = { ...site, subject: providerById }

signInProviderPages.get(path, site, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectProvidersPage(ctx.app.db, page)
  const providers = rows.map((p) => ({ ...p, callback: callbackOf(ctx.origin, p.slug) }))
  await ctx.render('admin/sign-in-providers', { providers, totalCount, page, kinds: providerKinds })
})

const kindNamed = (name: string): ProviderKind => providerKindNames.find((kind) => kind === name) ?? 'oidc'

/** What the fields show at first; the secret is not among them. */
const valuesOf = (kind: ProviderKind, p: Provider | null) => ({
  name: p?.name ?? (kind === 'oidc' ? '' : providerKinds[kind].name),
  slug: p?.slug ?? (kind === 'oidc' ? '' : kind),
  url: p?.url ?? providerKinds[kind].url,
  'client-id': p?.client_id ?? '',
  scopes: p?.scopes ?? providerKinds[kind].scopes,
  'groups-claim': p?.groups_claim ?? providerKinds[kind].groupsClaim,
  'group-prefix': p?.group_prefix ?? providerKinds[kind].prefix,
  'allowed-domains': p?.allowed_domains ?? [],
  'creates-users': p?.creates_users ?? false,
  'links-users': p?.links_users ?? false,
  enabled: p?.is_enabled ?? true,
})

const typed = ({ form }: PageContext): ReturnType<typeof valuesOf> => ({
  name: form.line('name'),
  slug: form.line('slug'),
  url: form.line('url'),
  'client-id': form.line('client-id'),
  scopes: form.line('scopes'),
  'groups-claim': form.line('groups-claim'),
  'group-prefix': form.line('group-prefix'),
  'allowed-domains': form
    .text('allowed-domains')
    .split(/[\s,]+/)
    .filter(Boolean),
  'creates-users': form.has('creates-users'),
  'links-users': form.has('links-users'),
  enabled: form.has('enabled'),
})

/** @throws problem 'invalid_attribute' for the first field that cannot be so */
function parsed<T>(schema: z.ZodType<T>, given: unknown): T {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const name = String(issue.path[0])
  throw invalid(name, `${titled(name)} ${issue.message}`)
}

const draw = (ctx: PageContext, kind: ProviderKind, provider: Provider | null, more: Record<string, unknown> = {}) =>
  ctx.render('admin/sign-in-provider', {
    kind,
    kindName: providerKinds[kind].name,
    provider,
    callback: callbackOf(ctx.origin, provider?.slug ?? '<slug>'),
    values: valuesOf(kind, provider),
    error: null,
    ...more,
  })

signInProviderPages.get(`${path}/new`, site, (ctx) => draw(ctx, kindNamed(ctx.ask('kind')), null))

signInProviderPages.post(path, site, async (ctx) => {
  const { app, form } = ctx
  const values = typed(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const given = parsed(Create, { ...values, kind: form.line('kind'), 'client-secret': form.line('client-secret') })
      const made = await insertProvider(app, app.db, checkInput(ctx, inputOf(given.kind, given)))
      ctx.redirect(`${path}/${made.id}`, {
        tone: 'green',
        text: `Added ${made.name}. Enter the callback address below as redirect address there.`,
      })
    },
    (error) => draw(ctx, kindNamed(form.line('kind')), null, { values, error }),
  )
})

signInProviderPages.get(one, ofOne, (ctx) => draw(ctx, ctx.subject.provider.kind, ctx.subject.provider))

signInProviderPages.post(one, ofOne, async (ctx) => {
  const { app, form, subject } = ctx
  const { provider } = subject
  const values = typed(ctx)
  await orDrawAgain(
    ctx,
    async () => {
      const given = parsed(Update, { ...values, 'client-secret': form.line('client-secret') })
      await updateProvider(app, app.db, provider.id, checkInput(ctx, inputOf(provider.kind, given, provider)))
      ctx.redirect(`${path}/${provider.id}`, { tone: 'green', text: 'Saved. It holds from the next sign-in on.' })
    },
    (error) => draw(ctx, provider.kind, provider, { values, error }),
  )
})

for (const [name, enabled] of [
  ['disable', false],
  ['enable', true],
] as const) {
  signInProviderPages.post(`${one}/${name}`, ofOne, async (ctx) => {
    const { provider } = ctx.subject
    await updateProvider(ctx.app, ctx.app.db, provider.id, inputOf(provider.kind, { enabled }, provider))
    ctx.redirect(path, { tone: 'green', text: `${provider.name} is switched ${enabled ? 'on' : 'off'}.` })
  })
}

signInProviderPages.post(`${one}/delete`, ofOne, async (ctx) => {
  const { provider } = ctx.subject
  await orDrawAgain(
    ctx,
    async () => {
      if (ctx.form.line('confirm') !== provider.name)
        throw invalid('confirm', `That is not ${provider.name}. Nothing was deleted.`)
      await ctx.app.db.transaction((tx) => deleteProvider(tx, provider.id))
      ctx.redirect(path, { tone: 'green', text: `Deleted ${provider.name}. The accounts stay.` })
    },
    (error) => draw(ctx, provider.kind, provider, { error }),
  )
})
