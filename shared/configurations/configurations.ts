import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { type Configuration, lockConfiguration, selectConfiguration } from './queries.ts'

export interface NewConfiguration {
  workspaceId: string
  autoQueueRuns: boolean
  speculative: boolean
  provisional: boolean
  source: string
  createdBy: string | null
}

/** A configuration version that waits for its archive. The first of a workspace is shown as its current one at once. */
export async function createConfiguration(tx: Tx, c: NewConfiguration): Promise<Configuration> {
  const id = newId('cv')
  await tx.query(sql.void`
    insert into configuration_versions (id, workspace_id, source, speculative, provisional, auto_queue_runs, created_by)
    values (${id}, ${c.workspaceId}, ${c.source}, ${c.speculative}, ${c.provisional}, ${c.autoQueueRuns}, ${c.createdBy})`)
  if (!c.speculative && !c.provisional) {
    await tx.query(sql.void`
      update workspaces
      set current_configuration_version_id = ${id}
      where id = ${c.workspaceId} and current_configuration_version_id is null`)
  }
  return selectConfiguration(tx, id)
}

const InUseRow = z.object({ is_current: z.boolean(), is_used: z.boolean() })

const usage = (tx: Tx, id: string) =>
  tx.one(sql.type(InUseRow)`
    select
      exists (select 1 from workspaces where current_configuration_version_id = ${id}) as is_current,
      exists (select 1 from runs where configuration_version_id = ${id} and finished_at is null) as is_used`)

/**
 * Locks it, and proves that it has the status and that nobody needs its archive.
 * @throws problem 'transition_not_allowed' (409)
 */
async function lockUnneeded(tx: Tx, id: string, from: Configuration['status'], done: string): Promise<Configuration> {
  const configuration = await lockConfiguration(tx, id)
  if (!configuration) throw problem('not_found')
  const { is_current, is_used } = await usage(tx, id)
  const why = is_current ? 'it is current' : is_used ? 'a run still needs it' : null
  if (why) throw problem('transition_not_allowed', `The configuration could not be ${done} because ${why}`)
  requireStatus(configuration, from, done)
  return configuration
}

function requireStatus(configuration: Configuration, from: Configuration['status'], done: string): void {
  if (configuration.status === from) return
  throw problem(
    'transition_not_allowed',
    `The configuration could not be ${done} because it is ${configuration.status}`,
  )
}

const setStatus = (app: App, tx: Tx, id: string, status: Configuration['status']) =>
  tx.query(sql.void`
    update configuration_versions
    set status = ${status}, status_timestamps = status_timestamps || ${sql.jsonb({ [`${status}-at`]: app.now().toISOString() })}
    where id = ${id}`)

/** Gives its bytes up for good; its row stays for the history of runs. */
export const archiveConfiguration = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const { blob_id } = await lockUnneeded(tx, id, 'uploaded', 'archived')
    await setStatus(app, tx, id, 'archived')
    if (blob_id) await app.blobs.remove(tx, blob_id)
  })

export const softDeleteConfiguration = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    await lockUnneeded(tx, id, 'uploaded', 'deleted')
    await setStatus(app, tx, id, 'backing_data_soft_deleted')
  })

export const restoreConfiguration = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const configuration = await lockConfiguration(tx, id)
    if (!configuration) throw problem('not_found')
    requireStatus(configuration, 'backing_data_soft_deleted', 'restored')
    await setStatus(app, tx, id, 'uploaded')
  })

export const deleteConfigurationData = (app: App, id: string): Promise<void> =>
  app.db.transaction(async (tx) => {
    const { blob_id } = await lockUnneeded(tx, id, 'backing_data_soft_deleted', 'deleted for good')
    await setStatus(app, tx, id, 'backing_data_permanently_deleted')
    if (blob_id) await app.blobs.remove(tx, blob_id)
  })
