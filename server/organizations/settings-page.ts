import { selectAgentPoolsPage } from '../../shared/agents/pools.ts'
import { invalid, problem } from '../../shared/errors.ts'
import {
  deleteOrganization,
  organizationSettings,
  updateOrganization,
} from '../../shared/organizations/organizations.ts'
import { deleteOrganizationTags, selectOrganizationTagsPage } from '../../shared/tags/organization-tags.ts'
import { deleteToken, selectOptionalLegacyToken } from '../../shared/tokens/tokens.ts'
import { visibleTo } from '../agents/subject.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { tokenOfForm } from '../tokens/shown-once.ts'

export const organizationSettingsPages = new PageRoutes()

const path = '/app/:organization_name/settings'
const options = { action: 'organization:update', subject: organizationByName } as const
type OrganizationContext = PageContext & { subject: OrganizationSubject }
const href = ({ organization }: OrganizationSubject, section: string) => `/app/${organization.name}/settings/${section}`

organizationSettingsPages.get(path, options, async (ctx) => ctx.redirect(href(ctx.subject, 'general')))

async function drawGeneral(ctx: OrganizationContext, more: Record<string, unknown> = {}): Promise<void> {
  const { organization } = ctx.subject
  const settings = organizationSettings(organization)
  const filter = { q: null, allowedWorkspaceName: null, allowedProjectName: null, sort: 'name' } as const
  const visible = await visibleTo(ctx, organization.id)
  const pools = await selectAgentPoolsPage(ctx.app.db, organization.id, visible, filter, { size: 500, offset: 0 })
  const values = {
    name: organization.name,
    email: organization.email,
    mode: settings['default-execution-mode'],
    pool: settings['default-agent-pool-id'] ?? '',
    forceDelete: settings['allow-force-delete-workspaces'],
  }
  await ctx.render('organizations/general', { organization, pools: pools.rows, values, error: null, ...more })
}

organizationSettingsPages.get(`${path}/general`, options, (ctx) => drawGeneral(ctx))

organizationSettingsPages.post(`${path}/general`, options, async (ctx) => {
  const { app, form, subject } = ctx
  const mode = form.line('default-execution-mode')
  const values = {
    name: form.line('name'),
    email: form.line('email'),
    mode: ['remote', 'local', 'agent'].includes(mode) ? mode : 'remote',
    pool: form.line('default-agent-pool'),
    forceDelete: form.has('force-delete'),
  }
  await orDrawAgain(
    ctx,
    async () => {
      if (!/^[^@\s]+@[^@\s]+$/.test(values.email)) throw invalid('email', 'That is not an e-mail address.')
      if (values.mode === 'agent') {
        const filter = { q: null, allowedWorkspaceName: null, allowedProjectName: null, sort: 'name' } as const
        const visible = await visibleTo(ctx, subject.organization.id)
        const pools = await selectAgentPoolsPage(app.db, subject.organization.id, visible, filter, {
          size: 500,
          offset: 0,
        })
        if (!pools.rows.some((p) => p.id === values.pool))
          throw invalid('default-agent-pool', 'Choose the pool in which runs happen.')
      }
      const saved = await app.db.transaction((tx) =>
        updateOrganization(tx, subject.organization, {
          name: values.name,
          email: values.email,
          settings: {
            'default-execution-mode': values.mode,
            'default-agent-pool-id': values.mode === 'agent' ? values.pool : null,
            'allow-force-delete-workspaces': values.forceDelete,
          },
        }),
      )
      ctx.redirect(`/app/${saved.name}/settings/general`, { tone: 'green', text: 'Saved.' })
    },
    (error) => drawGeneral(ctx, { values, error }),
  )
})

// --- tokens that act for the organization

const managed = { action: 'organization-token:manage', subject: organizationByName } as const
const kinds = ['organization', 'audit-trail'] as const
type Kind = (typeof kinds)[number]

async function drawTokens(ctx: OrganizationContext, more: Record<string, unknown> = {}): Promise<void> {
  const { organization } = ctx.subject
  const of = (kind: Kind) => selectOptionalLegacyToken(ctx.app.db, { kind, organizationId: organization.id })
  await ctx.render('organizations/tokens', {
    organization,
    tokens: { organization: await of('organization'), 'audit-trail': await of('audit-trail') },
    made: null,
    error: null,
    ...more,
  })
}

function kindOf(ctx: PageContext): Kind {
  const kind = kinds.find((k) => k === ctx.params.kind)
  if (!kind) throw problem('not_found')
  return kind
}

organizationSettingsPages.get(`${path}/tokens`, managed, (ctx) => drawTokens(ctx))

organizationSettingsPages.post(`${path}/tokens/:kind`, managed, async (ctx) => {
  const of = { kind: kindOf(ctx), organizationId: ctx.subject.organization.id }
  await orDrawAgain(
    ctx,
    async () => {
      const made = await ctx.app.db.transaction(async (tx) => {
        const former = await selectOptionalLegacyToken(tx, of)
        if (former) await deleteToken(tx, former.id)
        return tokenOfForm(ctx, { ...of, isLegacy: true }, tx)
      })
      await drawTokens(ctx, { made })
    },
    (error) => drawTokens(ctx, { error: { field: `${of.kind}-${error.field}`, text: error.text } }),
  )
})

organizationSettingsPages.post(`${path}/tokens/:kind/revoke`, managed, async (ctx) => {
  const of = { kind: kindOf(ctx), organizationId: ctx.subject.organization.id }
  const token = await selectOptionalLegacyToken(ctx.app.db, of)
  if (token) await deleteToken(ctx.app.db, token.id)
  ctx.redirect(href(ctx.subject, 'tokens'), {
    tone: 'green',
    text: 'Revoked. What still uses it is refused from now on.',
  })
})

// --- tags over all workspaces

organizationSettingsPages.get(`${path}/tags`, options, async (ctx) => {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const filter = { q: null, withoutWorkspaceId: null }
  const { rows, totalCount } = await selectOrganizationTagsPage(ctx.app.db, organization.id, filter, page)
  await ctx.render('organizations/tags', { organization, tags: rows, totalCount, page })
})

organizationSettingsPages.post(`${path}/tags/remove`, options, async (ctx) => {
  await deleteOrganizationTags(ctx.app.db, ctx.subject.organization.id, [ctx.form.line('id')])
  ctx.redirect(href(ctx.subject, 'tags'), { tone: 'green', text: 'Removed the tag from every workspace.' })
})

// --- deletion

const removal = { action: 'organization:delete', subject: organizationByName } as const
const drawDanger = (ctx: OrganizationContext, more: Record<string, unknown> = {}) =>
  ctx.render('organizations/danger', { organization: ctx.subject.organization, error: null, ...more })

organizationSettingsPages.get(`${path}/danger`, removal, (ctx) => drawDanger(ctx))

organizationSettingsPages.post(`${path}/danger/delete`, removal, async (ctx) => {
  const { organization } = ctx.subject
  await orDrawAgain(
    ctx,
    async () => {
      if (ctx.form.line('confirm') !== organization.name)
        throw invalid('confirm', `That is not ${organization.name}. Nothing was deleted.`)
      await deleteOrganization(ctx.app, organization)
      ctx.redirect('/app', { tone: 'green', text: `Deleted ${organization.name} with everything in it.` })
    },
    (error) => drawDanger(ctx, { error }),
  )
})
