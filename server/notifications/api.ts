// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations
import { invalid } from '../../shared/errors.ts'
import {
  createNotificationConfiguration,
  NotificationInput,
  openToken,
  updateNotificationConfiguration,
  wanted,
} from '../../shared/notifications/configurations.ts'
import {
  deleteNotificationConfiguration,
  type Subscribable,
  selectNotificationConfiguration,
  selectNotificationConfigurations,
} from '../../shared/notifications/queries.ts'
import { verifyDestination, verifyStored } from '../../shared/notifications/verify.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { projectById, workspaceById } from '../subjects.ts'
import { teamById } from '../teams/subject.ts'
import { notificationConfiguration } from './json.ts'
import { type actionOf, notificationById, subscribableOf } from './subject.ts'

export const notifications = new Routes('/api/v2')

const usersOf = (input: Input<unknown>): string[] | undefined =>
  input.relatedList('users')?.flatMap(({ id }) => id ?? [])

function routesOf<S extends Subject>(
  path: string,
  subject: (ctx: Context) => Promise<S>,
  ownerOf: (subject: S) => { of: Subscribable; organizationId: string; organizationName: string },
  action: ReturnType<typeof actionOf>,
): void {
  notifications.get(path, { action, subject }, async (ctx) => {
    // clients that ask for no page want them all
    const page = ctx.query['page[number]'] || ctx.query['page[size]'] ? pageOf(ctx) : null
    const { rows, totalCount } = await selectNotificationConfigurations(ctx.app.db, ownerOf(ctx.subject).of, page)
    return many(notificationConfiguration, rows, ctx, page ? { page, totalCount } : undefined)
  })

  notifications.post(path, { action, subject, attributes: NotificationInput, answers: 201 }, async (ctx) => {
    const { app, input } = ctx
    const owner = ownerOf(ctx.subject)
    const want = wanted(app, input.attributes, usersOf(input), owner.of, null)
    if (want.enabled) await requireVerified(ctx, want, want.token ?? null, owner.organizationName)
    const id = await app.db.transaction((tx) => createNotificationConfiguration(app, tx, owner, want))
    return one(notificationConfiguration, await selectNotificationConfiguration(app.db, id), ctx)
  })
}

/** What is switched on must work: a receiver that does not answer is found now, not with the first failing run. */
export async function requireVerified(
  { app }: Context,
  want: { destination: 'generic' | 'slack' | 'microsoft-teams' | 'email'; url: string | null },
  token: string | null,
  organizationName: string,
): Promise<void> {
  if (want.destination === 'email') return
  const answer = await verifyDestination(app, { ...want, organizationName }, token)
  if (!answer.delivered)
    throw invalid('url', `Url does not answer the verification request with a success: ${answer.code}`)
}

routesOf(
  '/workspaces/:workspace_id/notification-configurations',
  workspaceById,
  ({ workspace }) => ({
    of: { workspaceId: workspace.id },
    organizationId: workspace.organization_id,
    organizationName: workspace.organization_name,
  }),
  'notification:manage',
)
routesOf(
  '/projects/:project_id/notification-configurations',
  projectById,
  ({ project }) => ({
    of: { projectId: project.id },
    organizationId: project.organization_id,
    organizationName: project.organization_name,
  }),
  'notification:manage-project',
)
routesOf(
  '/teams/:team_id/notification-configurations',
  teamById,
  ({ team }) => ({
    of: { teamId: team.id },
    organizationId: team.organization_id,
    organizationName: team.organization_name,
  }),
  'notification:manage-team',
)

const path = '/notification-configurations/:notification_configuration_id'
// the subject asks for the owner's action
const options = { action: 'account:read', subject: notificationById } as const

notifications.get(path, options, (ctx) => one(notificationConfiguration, ctx.subject.configuration, ctx))

notifications.patch(path, { ...options, attributes: NotificationInput }, async (ctx) => {
  const { app, input } = ctx
  const before = ctx.subject.configuration
  const want = wanted(app, input.attributes, usersOf(input), subscribableOf(before), before)
  if (want.enabled && (!before.enabled || want.url !== before.url)) {
    const token = want.token === undefined ? openToken(app, before) : want.token
    await requireVerified(ctx, want, token, ctx.subject.configuration.organization_name)
  }
  await app.db.transaction((tx) => updateNotificationConfiguration(app, tx, before, want))
  return one(notificationConfiguration, await selectNotificationConfiguration(app.db, before.id), ctx)
})

notifications.delete(path, options, async (ctx) => {
  await deleteNotificationConfiguration(ctx.app.db, ctx.subject.configuration.id)
})

notifications.post(`${path}/actions/verify`, { ...options, answers: 200 }, async (ctx) => {
  const { id } = ctx.subject.configuration
  await verifyStored(ctx.app, ctx.subject.configuration)
  return one(notificationConfiguration, await selectNotificationConfiguration(ctx.app.db, id), ctx)
})

notifications.post(`${path}/actions/enable`, { ...options, answers: 200 }, async (ctx) => {
  const { app } = ctx
  const before = ctx.subject.configuration
  await requireVerified(
    ctx,
    { destination: before.destination_type, url: before.url },
    openToken(app, before),
    before.organization_name,
  )
  const want = wanted(app, { enabled: true }, before.user_ids, subscribableOf(before), before)
  await app.db.transaction((tx) => updateNotificationConfiguration(app, tx, before, want))
  return one(notificationConfiguration, await selectNotificationConfiguration(app.db, before.id), ctx)
})
