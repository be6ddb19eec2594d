import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import type { RunStatus } from '../runs/lifecycle.ts'
import type { Payload } from './payload.ts'
import { runTriggers, type Trigger } from './triggers.ts'

const SubscriberRow = z.object({
  configuration_id: z.string(),
  organization_name: z.string(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  run_id: z.string().nullable(),
  run_message: z.string().nullable(),
  run_created_at: z.date().nullable(),
  run_created_by: z.string().nullable(),
})

/** Of a workspace `w`: its own, and its project's. */
const subscriptions = sql.fragment`
  notification_configurations c on (c.workspace_id = w.id or c.project_id = w.project_id) and c.enabled`

/** Whether anybody wishes to be told of a workspace's runs. */
export const isSubscribed = (workspaceId: FragmentSqlToken) => sql.fragment`
  exists (
    select 1
    from workspaces w
    join ${subscriptions}
    where w.id = ${workspaceId})`

/**
 * Tells everybody who asked for it that a run has a new status. In the transaction of the change: the messages and
 * their jobs commit with it, and nothing is sent from here, so that no run waits for a slow receiver.
 */
export async function notifyOfRun(
  app: App,
  tx: Tx,
  run: { id: string; workspace_id: string },
  status: RunStatus,
): Promise<void> {
  const found = runTriggers[status]
  if (found) await fire(app, tx, { ...found, workspaceId: run.workspace_id, runId: run.id, status })
}

export interface Occasion {
  trigger: Trigger
  message: string
  workspaceId: string
  runId: string | null
  status: string | null
}

export async function fire(app: App, tx: Tx, occasion: Occasion): Promise<void> {
  const subscribers = await tx.any(sql.type(SubscriberRow)`
    select c.id as configuration_id, o.name as organization_name, w.id as workspace_id, w.name as workspace_name,
      r.id as run_id, r.message as run_message, r.created_at as run_created_at, u.username as run_created_by
    from workspaces w
    join organizations o on o.id = w.organization_id
    join ${subscriptions}
    left join runs r on r.id = ${occasion.runId}
    left join users u on u.id = r.created_by
    where w.id = ${occasion.workspaceId} and ${occasion.trigger} = any(c.triggers)
    order by c.created_at, c.id`)
  for (const to of subscribers) await enqueue(app, tx, to.configuration_id, payloadOf(app, to, occasion), to.run_id)
}

function payloadOf(app: App, to: z.output<typeof SubscriberRow>, occasion: Occasion): Payload {
  return {
    payload_version: 1,
    notification_configuration_id: to.configuration_id,
    run_url:
      to.run_id && `${app.config.url}/app/${to.organization_name}/workspaces/${to.workspace_name}/runs/${to.run_id}`,
    run_id: to.run_id,
    run_message: to.run_message,
    run_created_at: to.run_created_at?.toISOString() ?? null,
    run_created_by: to.run_created_by,
    workspace_id: to.workspace_id,
    workspace_name: to.workspace_name,
    organization_name: to.organization_name,
    notifications: [
      {
        message: occasion.message,
        trigger: occasion.trigger,
        run_status: occasion.status,
        run_updated_at: app.now().toISOString(),
        run_updated_by: to.run_created_by,
      },
    ],
  }
}

async function enqueue(
  app: App,
  tx: Tx,
  configurationId: string,
  payload: Payload,
  runId: string | null,
): Promise<void> {
  const id = newId('nd')
  await tx.query(sql.void`
    insert into notification_deliveries (id, configuration_id, run_id, trigger, payload)
    values (${id}, ${configurationId}, ${runId}, ${payload.notifications[0]!.trigger}, ${sql.jsonb(payload as never)})`)
  await app.queue.send(tx, 'notify', { deliveryId: id })
}
