import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { isTagKey } from './rules.ts'

/** Keys that an organization sets aside: with `disable_overrides` a project's tag is not changed by its workspaces. */
const ReservedKeyRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  key: z.string(),
  disable_overrides: z.boolean(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type ReservedKey = z.output<typeof ReservedKeyRow>

const columns = sql.fragment`k.id, k.organization_id, k.key, k.disable_overrides, k.created_at, k.updated_at`

export async function selectReservedKeysPage(tx: Tx, organizationId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(ReservedKeyRow.extend({ total_count: z.number() }))`
    select ${columns}, count(*) over ()::int as total_count
    from reserved_tag_keys k
    where k.organization_id = ${organizationId}
    order by k.key
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

export const selectOptionalReservedKey = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ReservedKeyRow)`
    select ${columns}
    from reserved_tag_keys k
    join organizations o on o.id = k.organization_id and o.deleted_at is null
    where k.id = ${id}`)

async function checked(key: string, write: () => Promise<ReservedKey>): Promise<ReservedKey> {
  if (!isTagKey(key)) throw invalid('key', 'Key is invalid')
  try {
    return await write()
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError) throw invalid('key', 'Key has already been taken')
    throw error
  }
}

/** @throws problem 'invalid_attribute' */
export const insertReservedKey = (
  tx: Tx,
  organizationId: string,
  input: { key: string; disableOverrides: boolean },
): Promise<ReservedKey> =>
  checked(input.key, () =>
    tx.one(sql.type(ReservedKeyRow)`
      insert into reserved_tag_keys as k (id, organization_id, key, disable_overrides)
      values (${newId('rtk')}, ${organizationId}, ${input.key}, ${input.disableOverrides})
      returning ${columns}`),
  )

/** @throws problem 'invalid_attribute' */
export const updateReservedKey = (
  tx: Tx,
  id: string,
  input: { key: string; disableOverrides: boolean },
): Promise<ReservedKey> =>
  checked(input.key, () =>
    tx.one(sql.type(ReservedKeyRow)`
      update reserved_tag_keys k
      set key = ${input.key}, disable_overrides = ${input.disableOverrides}, updated_at = now()
      where k.id = ${id}
      returning ${columns}`),
  )

export const deleteReservedKey = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from reserved_tag_keys
    where id = ${id}`)

/** @throws problem 'invalid_attribute' when one of the keys is a tag of the workspace's project and may not be overridden */
export async function refuseOverrides(tx: Tx, workspaceId: string, keys: readonly string[]): Promise<void> {
  const row = await tx.maybeOne(sql.type(z.object({ key: z.string() }))`
    select b.key
    from workspaces w
    join tag_bindings b on b.project_id = w.project_id
    join reserved_tag_keys k on k.organization_id = w.organization_id and k.key = b.key and k.disable_overrides
    where w.id = ${workspaceId} and b.key = any(${sql.array([...keys], 'text')})
    limit 1`)
  if (row) {
    throw invalid('key', `Key ${JSON.stringify(row.key)} is reserved: the project's tag cannot be overridden`)
  }
}
