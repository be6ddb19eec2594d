// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/settings
import { z } from 'zod'
import { invalid } from '../../shared/errors.ts'
import { sendMail } from '../../shared/mail.ts'
import {
  changeSiteSettings,
  readSiteSettings,
  type SiteGroup,
  secretSettings,
  siteSettings,
} from '../../shared/site/settings.ts'
import { one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { Routes } from '../route.ts'

export const adminSettings = new Routes('/api/v2/admin')

type Settings = Record<string, unknown>
type TestAddress = { 'test-email-address'?: string | undefined }

/** What follows from the settings, or from the server, and cannot be set. */
const derived: Partial<Record<SiteGroup, (settings: Settings, origin: string) => Settings>> = {
  general: (s) => ({
    'terraform-build-worker-apply-timeout': s['apply-timeout'],
    'terraform-build-worker-plan-timeout': s['plan-timeout'],
  }),
  saml: (_, origin) => ({
    'acs-consumer-url': `${origin}/users/saml/auth`,
    'metadata-url': `${origin}/users/saml/metadata`,
  }),
  'cost-estimation': () => ({
    'aws-enabled': false,
    'aws-instance-profile-enabled': false,
    'gcp-enabled': false,
    'azure-enabled': false,
  }),
}

const resourceOf = (group: SiteGroup) =>
  defineResource<Settings>({
    type: `${group}-settings`,
    id: () => group,
    attributes: (settings, { origin }) => ({
      ...Object.fromEntries(Object.entries(settings).filter(([name]) => !secretSettings.has(name))),
      ...derived[group]?.(settings, origin),
    }),
  })

/** Settings without their defaults: what is absent stays as it is. */
const changeOf = (group: SiteGroup) => {
  const shape = siteSettings[group].shape as Record<string, z.ZodDefault<z.ZodType>>
  return z.object(Object.fromEntries(Object.entries(shape).map(([name, s]) => [name, s.unwrap().optional()])))
}

for (const group of Object.keys(siteSettings) as SiteGroup[]) {
  const resource = resourceOf(group)
  const path = `/${group}-settings`

  adminSettings.get(path, { action: 'site:admin' }, async (ctx) =>
    one(resource, await readSiteSettings(ctx.app, group), ctx),
  )

  const attributes = changeOf(group).extend({ 'test-email-address': z.string().max(320).optional() })
  adminSettings.patch(path, { action: 'site:admin', attributes }, async (ctx) => {
    const { 'test-email-address': testAddress, ...given } = ctx.input.attributes as Settings & TestAddress
    const change = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
    // a new certificate keeps the former one until it is revoked, so that sign-in goes on during the change
    if (group === 'saml' && typeof change['idp-cert'] === 'string') {
      const { 'idp-cert': before } = await readSiteSettings(ctx.app, 'saml')
      if (before !== change['idp-cert']) change['old-idp-cert'] = before
    }
    const settings = await changeSiteSettings(ctx.app, group, change)
    if (group === 'smtp' && testAddress && (settings as Settings).enabled === true) {
      await sendMail(ctx.app, {
        to: [testAddress],
        subject: 'TofuTF: test of the mail settings',
        text: `This server (${ctx.origin}) can send e-mail.\n`,
      }).catch((error: Error) => {
        throw invalid('test-email-address', `The mail could not be sent: ${error.message}`)
      })
    }
    return one(resource, settings, ctx)
  })
}

adminSettings.post('/saml-settings/actions/revoke-old-certificate', { action: 'site:admin' }, async (ctx) =>
  one(resourceOf('saml'), await changeSiteSettings(ctx.app, 'saml', { 'old-idp-cert': '' }), ctx),
)
