import type { Scope } from '../../shared/access/access.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import {
  type NotificationConfiguration,
  type Subscribable,
  selectOptionalNotificationConfiguration,
} from '../../shared/notifications/queries.ts'
import type { Action } from '../../shared/permissions.ts'
import { type Context, requireMay, type Subject } from '../route.ts'

export interface NotificationSubject extends Subject {
  configuration: NotificationConfiguration
}

/** What a caller needs depends on whose the configuration is. */
export const actionOf = (of: Subscribable): Action =>
  'workspaceId' in of
    ? 'notification:manage'
    : 'projectId' in of
      ? 'notification:manage-project'
      : 'notification:manage-team'

export const subscribableOf = (row: NotificationConfiguration): Subscribable =>
  row.workspace_id
    ? { workspaceId: row.workspace_id }
    : row.project_id
      ? { projectId: row.project_id }
      : { teamId: row.team_id! }

/** Loads it and asks for the action of its owner: the address alone does not tell which. */
export async function notificationById(ctx: Context): Promise<NotificationSubject> {
  const id = ctx.params.notification_configuration_id!
  const configuration = looksLikeId(id, 'nc') ? await selectOptionalNotificationConfiguration(ctx.app.db, id) : null
  if (!configuration) throw problem('not_found')
  const projectId = configuration.project_id ?? configuration.workspace_project_id
  const scope: Scope = {
    organizationId: configuration.organization_id,
    ...(projectId && { projectId }),
    ...(configuration.workspace_id && { workspaceId: configuration.workspace_id }),
  }
  await requireMay(ctx.access, actionOf(subscribableOf(configuration)), scope)
  return { configuration, scope }
}
