import { organizationSettings, updateOrganization } from '../../shared/organizations/organizations.ts'
import { dispatchHeldBack } from '../../shared/runs/dispatch.ts'
import { DEFAULT_TTL_MS, selectTtlPolicies, setTtlPolicies, type TokenType } from '../../shared/tokens/ttl-policies.ts'
import { orDrawAgain } from '../form-error.ts'
import { numberOf, requiredNumber } from '../number-of.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { retentionChoice, retentionOfForm, saveRetention } from '../retention/form.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

/** Limits of an organization: what runs at once and how long, how long data is kept, how long people and tokens last. */
export const organizationLimitPages = new PageRoutes()

const path = '/app/:organization_name/settings'
const options = { action: 'organization:update', subject: organizationByName } as const
type OrganizationContext = PageContext & { subject: OrganizationSubject }

const WEEK_IN_MINUTES = 7 * 24 * 60
const YEAR_IN_MINUTES = 365 * 24 * 60

// --- runs and data

async function drawLimits(ctx: OrganizationContext, more: Record<string, unknown> = {}): Promise<void> {
  const { organization } = ctx.subject
  const settings = organizationSettings(organization)
  await ctx.render('organizations/limits', {
    organization,
    values: {
      concurrent: settings['concurrent-run-limit'] ?? '',
      plan: settings['plan-timeout'],
      apply: settings['apply-timeout'],
      ...(await retentionChoice(ctx.app.db, { organizationId: organization.id })),
    },
    error: null,
    ...more,
  })
}

organizationLimitPages.get(`${path}/limits`, options, (ctx) => drawLimits(ctx))

organizationLimitPages.post(`${path}/limits`, options, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const values = {
    concurrent: form.line('concurrent-run-limit'),
    plan: form.line('plan-timeout'),
    apply: form.line('apply-timeout'),
    ...retentionOfForm(form),
  }
  await orDrawAgain(
    ctx,
    async () => {
      const settings = {
        'concurrent-run-limit': numberOf(form, 'concurrent-run-limit', { min: 1, max: 100_000 }),
        'plan-timeout': requiredNumber(form, 'plan-timeout', { min: 1, max: WEEK_IN_MINUTES }),
        'apply-timeout': requiredNumber(form, 'apply-timeout', { min: 1, max: WEEK_IN_MINUTES }),
      }
      await app.db.transaction(async (tx) => {
        await updateOrganization(tx, organization, { settings })
        await saveRetention(tx, { organizationId: organization.id }, form)
        // a higher limit takes effect at once
        await dispatchHeldBack(app, tx, organization.id, { wait: true })
      })
      ctx.redirect(`/app/${organization.name}/settings/limits`, { tone: 'green', text: 'Saved.' })
    },
    (error) => drawLimits(ctx, { values, error }),
  )
})

// --- sessions, and how long tokens live

const DAY_MS = 86_400_000
const tokenFields: Record<TokenType, string> = {
  organization: 'organization-days',
  team: 'team-days',
  user: 'user-days',
  audit_trails: 'audit-days',
}

async function drawSignIn(ctx: OrganizationContext, more: Record<string, unknown> = {}): Promise<void> {
  const { organization } = ctx.subject
  const settings = organizationSettings(organization)
  const policies = await selectTtlPolicies(ctx.app.db, organization.id)
  const daysOf = (type: string) =>
    String(
      Math.max(1, Math.round((policies.find((p) => p.token_type === type)?.max_ttl_ms ?? DEFAULT_TTL_MS) / DAY_MS)),
    )
  await ctx.render('organizations/sign-in', {
    organization,
    values: {
      session: settings['session-timeout'] ?? '',
      remember: settings['session-remember'] ?? '',
      userTokens: settings['user-tokens-enabled'],
      limited: settings['max-ttl-enabled'],
      days: Object.fromEntries(Object.entries(tokenFields).map(([type, field]) => [field, daysOf(type)])),
    },
    error: null,
    ...more,
  })
}

organizationLimitPages.get(`${path}/sign-in`, options, (ctx) => drawSignIn(ctx))

organizationLimitPages.post(`${path}/sign-in`, options, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const fields = Object.values(tokenFields)
  const values = {
    session: form.line('session-timeout'),
    remember: form.line('session-remember'),
    userTokens: form.has('user-tokens'),
    limited: form.has('max-ttl'),
    days: Object.fromEntries(fields.map((field) => [field, form.line(field)])),
  }
  await orDrawAgain(
    ctx,
    async () => {
      const settings = {
        'session-timeout': numberOf(form, 'session-timeout', { min: 1, max: YEAR_IN_MINUTES }),
        'session-remember': numberOf(form, 'session-remember', { min: 1, max: YEAR_IN_MINUTES }),
        'user-tokens-enabled': values.userTokens,
        'max-ttl-enabled': values.limited,
      }
      const wanted = new Map(
        (Object.keys(tokenFields) as TokenType[]).map((type) => [
          type,
          requiredNumber(form, tokenFields[type], { min: 1, max: 36_500 }) * DAY_MS,
        ]),
      )
      await app.db.transaction(async (tx) => {
        await updateOrganization(tx, organization, { settings })
        await setTtlPolicies(tx, organization.id, wanted)
      })
      ctx.redirect(`/app/${organization.name}/settings/sign-in`, { tone: 'green', text: 'Saved.' })
    },
    (error) => drawSignIn(ctx, { values, error }),
  )
})
