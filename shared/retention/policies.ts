import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { newId } from '../ids.ts'

/** For how long old states and configurations keep their bytes; `days` null: for ever. A workspace's counts before its organization's. */
export const RetentionPolicyRow = z.object({ id: z.string(), days: z.number().nullable() })
export type RetentionPolicy = z.output<typeof RetentionPolicyRow>

export type RetentionOwner = { organizationId: string } | { workspaceId: string }

const owner = (of: RetentionOwner) =>
  'workspaceId' in of
    ? sql.fragment`workspace_id = ${of.workspaceId}`
    : sql.fragment`organization_id = ${of.organizationId}`

export const selectOptionalRetentionPolicy = (tx: Tx, of: RetentionOwner) =>
  tx.maybeOne(sql.type(RetentionPolicyRow)`
    select id, days
    from data_retention_policies
    where ${owner(of)}`)

/** A new policy takes the place of the former; one of the same kind keeps its id. */
export const setRetentionPolicy = (tx: Tx, of: RetentionOwner, days: number | null): Promise<RetentionPolicy> => {
  const [column, id] = 'workspaceId' in of ? ['workspace_id', of.workspaceId] : ['organization_id', of.organizationId]
  return tx.one(sql.type(RetentionPolicyRow)`
    insert into data_retention_policies as p (id, ${sql.identifier([column!])}, days)
    values (${newId('drp')}, ${id!}, ${days})
    on conflict (${sql.identifier([column!])}) where ${sql.identifier([column!])} is not null do update
    set days = excluded.days,
      id = case when (p.days is null) = (excluded.days is null) then p.id else excluded.id end
    returning id, days`)
}

export const deleteRetentionPolicy = (tx: Tx, of: RetentionOwner) =>
  tx.query(sql.void`
    delete from data_retention_policies
    where ${owner(of)}`)
