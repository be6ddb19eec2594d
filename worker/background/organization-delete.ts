import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'

const BATCH = 20
const DeletedRow = z.object({ deleted: z.number() })

/** Removes a deleted organization: workspaces in batches, each its own transaction, then the rest. */
export async function deleteOrganizationRows(app: App, organizationId: string): Promise<void> {
  for (;;) {
    const { deleted } = await app.db.one(sql.type(DeletedRow)`
      with gone as (
        delete from workspaces
        where id in (
          select w.id
          from workspaces w
          join organizations o on o.id = w.organization_id
          where w.organization_id = ${organizationId} and o.deleted_at is not null
          limit ${BATCH})
        returning 1)
      select count(*)::int as deleted
      from gone`)
    if (deleted < BATCH) break
  }
  await app.db.query(sql.void`
    delete from organizations
    where id = ${organizationId} and deleted_at is not null`)
}
