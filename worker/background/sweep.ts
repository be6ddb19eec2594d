import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { expireData } from '../../shared/retention/expire.ts'
import { promoteNext } from '../../shared/runs/workspace-queue.ts'
import { destroyIdle } from './auto-destroy.ts'

const IdRow = z.object({ id: z.string() })

/** Repairs what a dead process left undone. Each step is idempotent and bounded. */
export async function sweep(app: App): Promise<void> {
  await promoteMissed(app)
  await app.db.query(sql.void`delete from sessions where expires_at < now()`)
  await app.db.query(sql.void`delete from oauth_codes where expires_at < now() - interval '1 day'`)
  await app.db.query(sql.void`delete from runners where heartbeat_at < now() - interval '5 minutes'`)
  await app.db.query(sql.void`delete from agents where last_ping_at < now() - interval '1 day'`)
  await expireData(app)
  await destroyIdle(app)
  await removeUnusedBlobs(app)
}

/** Workspaces with a pending run and no holder: a call of promoteNext was missed. */
async function promoteMissed(app: App): Promise<void> {
  const rows = await app.db.any(sql.type(IdRow)`
    select distinct w.id
    from runs r
    join workspaces w on w.id = r.workspace_id
    where r.status = 'pending' and not r.plan_only and not r.save_plan
      and w.holder_run_id is null and w.locked_by_user_id is null and w.locked_by_team_id is null
    limit 500`)
  for (const { id } of rows) await app.db.transaction((tx) => promoteNext(app, tx, id))
}

/** Blobs that no row refers to: uploads that broke off, and what cascading deletes left. */
const removeUnusedBlobs = (app: App) =>
  app.db.query(sql.void`
    delete from blobs
    where id in (
      select b.id
      from blobs b
      where b.created_at < now() - interval '1 day'
        and not exists (select 1 from configuration_versions c where c.blob_id = b.id)
        and not exists (select 1 from state_versions s where s.raw_blob_id = b.id)
        and not exists (select 1 from state_versions s where s.json_blob_id = b.id)
        and not exists (select 1 from phases p where p.plan_file_blob_id = b.id)
        and not exists (select 1 from phases p where p.lock_file_blob_id = b.id)
        and not exists (select 1 from phases p where p.plan_json_blob_id = b.id)
        and not exists (select 1 from phases p where p.plan_json_redacted_blob_id = b.id)
        and not exists (select 1 from registry_module_versions v where v.blob_id = b.id)
        and not exists (select 1 from registry_provider_versions v where v.shasums_blob_id = b.id)
        and not exists (select 1 from registry_provider_versions v where v.shasums_signature_blob_id = b.id)
        and not exists (select 1 from registry_provider_platforms f where f.blob_id = b.id)
        and not exists (select 1 from test_configurations c where c.blob_id = b.id)
      limit 200)`)
