import { invalid, problem } from '../../shared/errors.ts'
import {
  createNotificationConfiguration,
  NotificationInput,
  openToken,
  updateNotificationConfiguration,
  wanted,
} from '../../shared/notifications/configurations.ts'
import {
  deleteNotificationConfiguration,
  type NotificationConfiguration,
  selectNotificationConfigurations,
  selectOptionalNotificationConfiguration,
} from '../../shared/notifications/queries.ts'
import { workspaceTriggers } from '../../shared/notifications/triggers.ts'
import { verifyStored } from '../../shared/notifications/verify.ts'
import { orDrawAgain } from '../form-error.ts'
import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { settingsHref, settingsPath, type WorkspaceContext } from '../workspaces/settings-page.ts'
import { requireVerified } from './api.ts'

export const notificationPages = new PageRoutes()

const path = `${settingsPath}/notifications`
const one = `${path}/:notification_configuration_id`
const options = { action: 'notification:manage', subject: workspaceByName } as const
const href = (ctx: WorkspaceContext, id = '') => settingsHref(ctx.subject, `notifications${id && `/${id}`}`)

/** Those that a run or the drift check of this server can set off, in words. */
const words: Record<string, string> = {
  'run:created': 'A run is started',
  'run:planning': 'A plan begins',
  'run:needs_attention': 'A run waits for a person',
  'run:applying': 'An apply begins',
  'run:completed': 'A run ends well',
  'run:errored': 'A run fails or is canceled',
}

notificationPages.get(path, options, async (ctx) => {
  const { workspace } = ctx.subject
  const { rows } = await selectNotificationConfigurations(ctx.app.db, { workspaceId: workspace.id }, null)
  await ctx.render('workspaces/settings/notifications', { workspace, configurations: rows, words })
})

async function configurationOf(ctx: WorkspaceContext): Promise<NotificationConfiguration> {
  const found = await selectOptionalNotificationConfiguration(ctx.app.db, ctx.params.notification_configuration_id!)
  if (found?.workspace_id !== ctx.subject.workspace.id) throw problem('not_found')
  return found
}

const valuesOf = (c: NotificationConfiguration | null) => ({
  name: c?.name ?? '',
  destination: c?.destination_type ?? 'generic',
  url: c?.url ?? '',
  emails: c?.email_addresses.join('\n') ?? '',
  triggers: c?.triggers ?? ['run:needs_attention', 'run:errored'],
  enabled: c?.enabled ?? true,
})

const draw = (
  ctx: WorkspaceContext,
  configuration: NotificationConfiguration | null,
  more: Record<string, unknown> = {},
) =>
  ctx.render('workspaces/settings/notification', {
    workspace: ctx.subject.workspace,
    configuration,
    values: valuesOf(configuration),
    words,
    listPath: href(ctx),
    error: null,
    ...more,
  })

/** What the form asks for; an empty token leaves a stored one as it is. */
function filled(ctx: WorkspaceContext, before: NotificationConfiguration | null) {
  const { form } = ctx
  const values = {
    name: form.line('name'),
    destination: before?.destination_type ?? form.line('destination-type'),
    url: form.line('url'),
    emails: form.text('email-addresses'),
    // triggers that this page does not offer stay
    triggers: [
      ...form.all('triggers').filter((t) => (workspaceTriggers as readonly string[]).includes(t)),
      ...(before?.triggers ?? []).filter((t) => !Object.hasOwn(words, t)),
    ],
    enabled: form.has('enabled'),
  }
  const token = form.line('token')
  const input = {
    name: values.name,
    'destination-type': values.destination,
    url: values.url || null,
    triggers: values.triggers,
    enabled: values.enabled,
    'email-addresses': values.emails.split(/[\s,;]+/).filter(Boolean),
    ...(token !== '' && { token }),
  }
  return { values, input }
}

function parsed(input: unknown): NotificationInput {
  const result = NotificationInput.safeParse(input)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const name = String(issue.path[0] ?? '')
  throw invalid(name, `${name.replaceAll('-', ' ')} ${issue.message}`)
}

notificationPages.get(`${path}/new`, options, (ctx) => draw(ctx, null))

notificationPages.post(`${path}/new`, options, async (ctx) => {
  const { app, subject } = ctx
  const { workspace } = subject
  const { values, input } = filled(ctx, null)
  await orDrawAgain(
    ctx,
    async () => {
      const of = { workspaceId: workspace.id }
      const want = wanted(app, parsed(input), [], of, null)
      if (want.enabled) await requireVerified(ctx, want, want.token ?? null, workspace.organization_name)
      const owner = { of, organizationId: workspace.organization_id }
      await app.db.transaction((tx) => createNotificationConfiguration(app, tx, owner, want))
      ctx.redirect(href(ctx), {
        tone: 'green',
        text: `Made ${want.name}.${want.enabled ? ' A test message was delivered.' : ''}`,
      })
    },
    (error) => draw(ctx, null, { values, error }),
  )
})

notificationPages.get(one, options, async (ctx) => draw(ctx, await configurationOf(ctx)))

notificationPages.post(one, options, async (ctx) => {
  const { app } = ctx
  const before = await configurationOf(ctx)
  const { values, input } = filled(ctx, before)
  await orDrawAgain(
    ctx,
    async () => {
      const want = wanted(app, parsed(input), before.user_ids, { workspaceId: ctx.subject.workspace.id }, before)
      if (want.enabled && (!before.enabled || want.url !== before.url || want.token !== undefined)) {
        const token = want.token === undefined ? openToken(app, before) : want.token
        await requireVerified(ctx, want, token, before.organization_name)
      }
      await app.db.transaction((tx) => updateNotificationConfiguration(app, tx, before, want))
      ctx.redirect(href(ctx), { tone: 'green', text: 'Saved.' })
    },
    (error) => draw(ctx, before, { values, error }),
  )
})

notificationPages.post(`${one}/test`, options, async (ctx) => {
  const configuration = await configurationOf(ctx)
  await verifyStored(ctx.app, configuration)
  const [last] = (await configurationOf(ctx)).responses
  ctx.redirect(href(ctx, configuration.id), {
    tone: last?.delivered ? 'green' : 'red',
    text: last?.delivered
      ? 'The test message was delivered.'
      : `The test message was not delivered: ${last?.code ?? 'no answer'}.`,
  })
})

notificationPages.post(`${one}/delete`, options, async (ctx) => {
  const { id, name } = await configurationOf(ctx)
  await deleteNotificationConfiguration(ctx.app.db, id)
  ctx.redirect(href(ctx), { tone: 'green', text: `Deleted ${name}.` })
})
