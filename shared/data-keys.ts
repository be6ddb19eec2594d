import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Pool, Tx } from '../db/pool.ts'
import { sql } from '../db/sql.ts'
import { randomText } from './ids.ts'
import { notify } from './live.ts'
import { derive, KEY_ID_LENGTH, rootKeyId, unwrapDataKey, wrapDataKey } from './sealing.ts'

/** The keys of this server cannot be used; `message` is a sentence for the operator and holds no secret. */
export class WrongSecret extends Error {}

const DataKeyRow = z.object({
  id: z.string(),
  root_key_id: z.string(),
  wrapped: z.instanceof(Buffer),
  /** until it seals; negative since then */
  turn_ms: z.number(),
})
type DataKeyRow = z.output<typeof DataKeyRow>

/** TOFUTF_SECRET first, then the values of TOFUTF_SECRET_PREVIOUS. */
export interface Roots {
  currentId: string
  keys: ReadonlyMap<string, Buffer>
}

export const rootsOf = (secret: string, previous: readonly string[]): Roots => ({
  currentId: rootKeyId(secret),
  keys: new Map([secret, ...previous].map((value) => [rootKeyId(value), derive(value, 'root')])),
})

export interface DataKeys {
  currentId: string
  keys: ReadonlyMap<string, Buffer>
  /** Until the turn of a new key; undefined: none waits. */
  nextTurnMs: number | undefined
}

const selectDataKeys = (tx: Tx) =>
  tx.any(sql.type(DataKeyRow)`
    select id, root_key_id, wrapped, ceil(extract(epoch from current_from - now()) * 1000)::float8 as turn_ms
    from data_keys
    order by current_from desc, created_at desc, id`)

const lockDataKeys = (tx: Tx) => tx.query(sql.void`select pg_advisory_xact_lock(hashtext('tofutf data keys'))`)

/** The keys, and the first one when there is none and nothing was sealed yet. @throws WrongSecret */
export const readDataKeys = (pool: Pool, roots: Roots): Promise<DataKeys> =>
  pool.transaction(async (tx) => {
    let rows = await selectDataKeys(tx)
    if (rows.length === 0) {
      await lockDataKeys(tx)
      rows = await selectDataKeys(tx)
    }
    if (rows.length === 0) {
      await requireNothingSealed(tx)
      await insertDataKey(tx, roots, 0)
      rows = await selectDataKeys(tx)
    }
    return opened(rows, roots)
  })

function opened(rows: readonly DataKeyRow[], roots: Roots): DataKeys {
  const keys = new Map(rows.map((row) => [row.id, unwrapped(row, roots)]))
  const waiting = rows.filter((row) => row.turn_ms > 0)
  const current = rows.find((row) => row.turn_ms <= 0) ?? rows.at(-1)!
  return { currentId: current.id, keys, nextTurnMs: waiting.at(-1)?.turn_ms }
}

function unwrapped({ id, root_key_id, wrapped }: DataKeyRow, roots: Roots): Buffer {
  const root = roots.keys.get(root_key_id)
  if (!root) {
    throw new WrongSecret(
      `TOFUTF_SECRET is not the one this database was written with (data key ${id} needs root key ${root_key_id}). Set the former value, or name it in TOFUTF_SECRET_PREVIOUS.`,
    )
  }
  try {
    return unwrapDataKey(root, id, wrapped)
  } catch {
    throw new WrongSecret(
      `The data key ${id} in the table data_keys was changed: it does not open with TOFUTF_SECRET. Restore the table from a backup.`,
    )
  }
}

const SealedRow = z.object({ has_sealed: z.boolean() })

/** A table of keys that was lost must not be replaced by a new key, as if nothing had ever been sealed. */
async function requireNothingSealed(tx: Tx): Promise<void> {
  const { has_sealed } = await tx.one(sql.type(SealedRow)`
    select exists (select from blobs) or exists (select from variables) or exists (select from signing_keys)
      as has_sealed`)
  if (has_sealed)
    throw new WrongSecret(
      'The table data_keys is empty, but this database holds data that its keys sealed. Restore the table from a backup.',
    )
}

async function insertDataKey(tx: Tx, roots: Roots, switchAfterMs: number): Promise<string> {
  const id = randomText(KEY_ID_LENGTH)
  const wrapped = wrapDataKey(roots.keys.get(roots.currentId)!, id, randomBytes(32))
  await tx.query(sql.void`
    insert into data_keys (id, root_key_id, wrapped, created_at, current_from)
    values (${id}, ${roots.currentId}, ${sql.binary(wrapped)}, clock_timestamp(),
      clock_timestamp() + make_interval(secs => ${switchAfterMs / 1000}))`)
  return id
}

/** Every process learns of a new key by this topic, else within REFRESH_MS. */
export const KEYS_TOPIC = 'data-keys'

/** @param switchAfterMs so long every process has to learn of it before it seals with it */
export const addDataKey = (pool: Pool, roots: Roots, switchAfterMs: number): Promise<string> =>
  pool.transaction(async (tx) => {
    await lockDataKeys(tx)
    opened(await selectDataKeys(tx), roots)
    const id = await insertDataKey(tx, roots, switchAfterMs)
    await notify(tx, KEYS_TOPIC)
    return id
  })

/** Puts every data key under the current root key. @returns how many were under another one @throws WrongSecret */
export const rewrapDataKeys = (pool: Pool, roots: Roots): Promise<number> =>
  pool.transaction(async (tx) => {
    await lockDataKeys(tx)
    const rows = (await selectDataKeys(tx)).filter((row) => row.root_key_id !== roots.currentId)
    for (const row of rows) {
      const wrapped = wrapDataKey(roots.keys.get(roots.currentId)!, row.id, unwrapped(row, roots))
      await tx.query(sql.void`
        update data_keys
        set root_key_id = ${roots.currentId}, wrapped = ${sql.binary(wrapped)}
        where id = ${row.id}`)
    }
    return rows.length
  })

/** Forgets the keys that nothing needs any more. */
export async function removeDataKeys(pool: Pool, ids: readonly string[]): Promise<void> {
  await pool.query(sql.void`delete from data_keys where id = any(${sql.array([...ids], 'text')})`)
}
