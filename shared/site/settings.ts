import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'

/** `2h`, `30m`, `90s`. */
const timeLimit = z.string().regex(/^\d{1,5}[hms]$/, 'is a number and a unit: h, m or s')
const text = (max = 2000) => z.string().max(max, 'is too long')
/** What this server cannot do is refused where it would be switched on. */
const never = (why: string) => z.literal(false, why)

/**
 * What site admins set, by group: each setting with its default. What is stored is obeyed by the part that owns it;
 * what nobody here could obey is refused.
 */
export const siteSettings = {
  general: z.object({
    'limit-user-organization-creation': z.boolean().default(false),
    'limit-organizations-per-user': z.boolean().default(false),
    'default-organizations-per-user-ceiling': z.number().int().min(0).default(10),
    'limit-workspaces-per-organization': z.boolean().default(false),
    'default-workspaces-per-organization-ceiling': z.number().int().min(0).default(1000),
    'api-rate-limiting-enabled': z.boolean().default(true),
    'api-rate-limit': z.number().int().min(1).max(100_000).default(30),
    'default-remote-state-access': z.boolean().default(false),
    'apply-timeout': timeLimit.default('24h'),
    'plan-timeout': timeLimit.default('24h'),
    'send-passing-statuses-for-untriggered-speculative-plans': never('needs VCS connections').default(false),
    'allow-speculative-plans-on-pull-requests-from-forks': never('needs VCS connections').default(false),
    'require-two-factor-for-admins': never('needs two-factor sign-in').default(false),
    'fair-run-queuing-enabled': never('is not offered').default(false),
  }),
  smtp: z.object({
    enabled: z.boolean().default(false),
    host: text(255).default(''),
    port: z.number().int().min(1).max(65_535).default(25),
    sender: text(320).default(''),
    auth: z.enum(['none', 'plain', 'login'], 'is none, plain or login').default('none'),
    username: text(320).default(''),
    password: text().default(''),
  }),
  saml: z.object({
    enabled: never('cannot be true: sign-in by SAML is not offered by this server').default(false),
    debug: z.boolean().default(false),
    'idp-cert': text(65_536).default(''),
    'old-idp-cert': text(65_536).default(''),
    'slo-endpoint-url': text().default(''),
    'sso-endpoint-url': text().default(''),
    'attr-username': text().default('Username'),
    'attr-groups': text().default('MemberOf'),
    'attr-site-admin': text().default('SiteAdmin'),
    'site-admin-role': text().default('site-admins'),
    'sso-api-token-session-timeout': z.number().int().min(0).default(1_209_600),
    'team-management-enabled': z.boolean().default(false),
    'authn-requests-signed': z.boolean().default(false),
    'want-assertions-signed': z.boolean().default(false),
    certificate: text(65_536).default(''),
    'private-key': text(65_536).default(''),
    'signature-signing-method': z.enum(['SHA1', 'SHA256'], 'is SHA1 or SHA256').default('SHA256'),
    'signature-digest-method': z.enum(['SHA1', 'SHA256'], 'is SHA1 or SHA256').default('SHA256'),
    'provider-type': z.enum(['okta', 'entra', 'saml', 'unknown'], 'is not a known provider type').default('unknown'),
  }),
  twilio: z.object({
    enabled: never('cannot be true: text messages are not offered by this server').default(false),
    'account-sid': text(64).default(''),
    'from-number': text(32).default(''),
    'auth-token': text().default(''),
  }),
  'cost-estimation': z.object({
    enabled: never('cannot be true: cost estimation is not offered by this server').default(false),
    'aws-access-key-id': text().default(''),
    'aws-secret-key': text().default(''),
    'gcp-credentials': text(65_536).default(''),
    'azure-client-id': text().default(''),
    'azure-client-secret': text().default(''),
    'azure-subscription-id': text().default(''),
    'azure-tenant-id': text().default(''),
  }),
  customization: z.object({
    'support-email-address': text(320).default(''),
    'login-help': text(20_000).default(''),
    footer: text(20_000).default(''),
    error: text(20_000).default(''),
    'new-user': text(20_000).default(''),
  }),
} as const
export type SiteGroup = keyof typeof siteSettings
export type SiteSettings<G extends SiteGroup> = z.output<(typeof siteSettings)[G]>

/** Never shown, and kept sealed. */
export const secretSettings = new Set([
  'password',
  'private-key',
  'auth-token',
  'aws-secret-key',
  'gcp-credentials',
  'azure-client-secret',
])

const Row = z.object({ settings: z.record(z.string(), z.unknown()), secrets: z.instanceof(Buffer).nullable() })
const context = (group: SiteGroup): string => `site_settings.secrets:${group}`

/** All settings of a group, secrets in clear. */
export async function readSiteSettings<G extends SiteGroup>(app: App, group: G, tx: Tx = app.db) {
  const row = await tx.maybeOne(sql.type(Row)`
    select settings, secrets
    from site_settings
    where name = ${group}`)
  const hidden = row?.secrets ? JSON.parse(app.secrets.open(row.secrets, context(group)).toString()) : {}
  return siteSettings[group].parse({ ...row?.settings, ...hidden }) as SiteSettings<G>
}

/** @throws problem 'invalid_attribute' */
export const changeSiteSettings = <G extends SiteGroup>(app: App, group: G, change: Record<string, unknown>) =>
  app.db.transaction(async (tx) => {
    await tx.query(sql.void`select pg_advisory_xact_lock(hashtext('tofutf site settings'))`)
    const next = { ...(await readSiteSettings(app, group, tx)), ...change } as Record<string, unknown>
    if (group === 'smtp' && next.enabled && (next.host === '' || next.sender === ''))
      throw invalid('host', 'Host and sender are needed to send e-mail')
    const shown = Object.entries(next).filter(([name]) => !secretSettings.has(name))
    const hidden = Object.entries(next).filter(([name, value]) => secretSettings.has(name) && value !== '')
    const sealed =
      hidden.length > 0 ? app.secrets.seal(JSON.stringify(Object.fromEntries(hidden)), context(group)) : null
    await tx.query(sql.void`
      insert into site_settings (name, settings, secrets)
      values (${group}, ${sql.jsonb(Object.fromEntries(shown) as never)}, ${sealed ? sql.binary(sealed) : null})
      on conflict (name) do update
      set settings = excluded.settings, secrets = excluded.secrets, updated_at = now()`)
    return siteSettings[group].parse(next) as SiteSettings<G>
  })
