import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Pool } from '../db/pool.ts'
import { sql } from '../db/sql.ts'
import { addDataKey, removeDataKeys, rewrapDataKeys, rootsOf } from './data-keys.ts'
import { REFRESH_MS } from './keep-keys.ts'
import { type SealedColumn, sealedColumns } from './sealed-columns.ts'
import { KEY_ID_LENGTH } from './sealing.ts'
import { openSecrets, type Secrets } from './secrets.ts'

/** So long every living process has to learn of a new key, and again to seal with it. */
const SWITCH_MS = 3 * REFRESH_MS

export interface RotationOptions {
  secret: string
  previous: string[]
  /** Makes a new data key first; without it only what is left of an earlier rotation is done. */
  newKey: boolean
  /** For what the processes need SWITCH_MS. */
  switchMs?: number
  say: (line: string) => void
}

export interface Rotation {
  /** Data keys that were put under the current TOFUTF_SECRET. */
  rewrapped: number
  /** Values and pieces of files that were sealed anew. */
  resealed: number
  removedKeys: string[]
  /** Former keys that still hold something: of what is damaged, or of a process that has not noticed the new key. */
  keptKeys: string[]
  /** `table:id` of what does not open, up to 100. It stays as it is, and so do its keys. */
  damaged: string[]
}

export class RotationBusy extends Error {}

/**
 * Puts everything under the current TOFUTF_SECRET and the current data key, then forgets the former data keys.
 * May be stopped at any time and started again; runs beside living processes, and reads a bounded number of rows at a time.
 * @throws WrongSecret, RotationBusy
 */
export async function rotateKeys(pool: Pool, options: RotationOptions): Promise<Rotation> {
  return alone(pool, async () => {
    const { secret, previous, say, switchMs = SWITCH_MS } = options
    const roots = rootsOf(secret, previous)
    const rewrapped = await rewrapDataKeys(pool, roots)
    say(`${rewrapped} data keys were put under the current TOFUTF_SECRET`)
    if (options.newKey) {
      const id = await addDataKey(pool, roots, switchMs)
      say(`data key ${id} was made; every process seals with it in ${Math.ceil((2 * switchMs) / 1000)} seconds`)
    }
    const secrets = await openSecrets(pool, secret, previous)
    await untilSwitched(pool, switchMs)
    await secrets.refresh()
    let resealed = 0
    let found: Found
    // what a slow process has sealed meanwhile is found by the next pass
    for (let pass = 1; ; pass++) {
      found = { keyIds: new Set(), damaged: [] }
      const before = resealed
      for (const column of sealedColumns) {
        const count = await resealColumn(pool, secrets, column, found)
        if (count > 0) say(`${column.table}.${column.column}: ${count} sealed anew`)
        resealed += count
      }
      if (resealed === before || pass === PASSES) break
    }
    await renameBlobKeys(pool, secrets.currentKeyId)
    const removedKeys = await removeUnusedKeys(pool, secrets.currentKeyId, found.keyIds)
    const keptKeys = await selectOtherKeys(pool, secrets.currentKeyId)
    const { damaged } = found
    return { rewrapped, resealed, removedKeys, keptKeys, damaged }
  })
}

const PASSES = 5
const MAX_DAMAGED = 100

/** One rotation at a time: the lock is that of a connection, so a killed process leaves none. */
async function alone<T>(pool: Pool, work: () => Promise<T>): Promise<T> {
  return pool.connect(async (connection) => {
    const { locked } = await connection.one(sql.type(z.object({ locked: z.boolean() }))`
      select pg_try_advisory_lock(hashtext('tofutf key rotation')) as locked`)
    if (!locked) throw new RotationBusy('Another rotation of keys is under way.')
    try {
      return await work()
    } finally {
      await connection.query(sql.void`select pg_advisory_unlock(hashtext('tofutf key rotation'))`)
    }
  })
}

/** Until the newest key is current, and every process that lives has had the time to notice. */
async function untilSwitched(pool: Pool, switchMs: number): Promise<void> {
  const wait = await pool.maybeOne(sql.type(z.object({ wait_ms: z.number() }))`
    select greatest(extract(epoch from max(current_from) - clock_timestamp()) * 1000 + ${switchMs}, 0)::int as wait_ms
    from data_keys
    having count(*) > 1`)
  if (wait) await sleep(wait.wait_ms)
}

interface Found {
  /** Keys other than the current one that had sealed something when this pass came by. */
  keyIds: Set<string>
  damaged: string[]
}

type Key = (string | number)[]

async function resealColumn(pool: Pool, secrets: Secrets, column: SealedColumn, found: Found): Promise<number> {
  let count = 0
  for (let after: Key | undefined; ; ) {
    const window = await selectKeyIds(pool, column, after)
    const foreign = window.filter(({ key_id }) => key_id !== secrets.currentKeyId)
    for (const { key, key_id } of foreign) {
      found.keyIds.add(key_id)
      const value = await selectValue(pool, column, key)
      // gone, or changed to nothing
      if (!value) continue
      const sealed = anew(secrets, value, column.context(key))
      if (sealed) count += await replace(pool, column, key, value, sealed)
      else if (found.damaged.length < MAX_DAMAGED)
        found.damaged.push(`${column.table}.${column.column}:${key.join(':')}`)
    }
    after = window.at(-1)?.key
    if (window.length < WINDOW) return count
  }
}

/** Rows that are looked at by one statement. */
const WINDOW = 2000

const keyIdIn = (column: SealedColumn) =>
  sql.fragment`encode(substring(t.${sql.identifier([column.column])} from 1 for ${KEY_ID_LENGTH}), 'escape')`

const KeyIdRow = z.object({ key: z.array(z.union([z.string(), z.number()])), key_id: z.string() })

/** Which key sealed the next rows, in the order of their primary key. */
async function selectKeyIds(pool: Pool, column: SealedColumn, after: Key | undefined) {
  const names = sql.join(
    column.key.map((name) => sql.fragment`t.${sql.identifier([name])}`),
    sql.fragment`, `,
  )
  const later = after ? sql.fragment`(${names}) > (${sql.join(after, sql.fragment`, `)})` : sql.fragment`true`
  return pool.any(sql.type(KeyIdRow)`
    select jsonb_build_array(${names}) as key, ${keyIdIn(column)} as key_id
    from ${sql.identifier([column.table])} t
    where t.${sql.identifier([column.column])} is not null and ${later}
    order by ${names}
    limit ${WINDOW}`)
}

const isRow = (column: SealedColumn, key: Key) =>
  sql.join(
    column.key.map((name, i) => sql.fragment`${sql.identifier([name])} = ${key[i]!}`),
    sql.fragment` and `,
  )

async function selectValue(pool: Pool, column: SealedColumn, key: Key): Promise<Buffer | null | undefined> {
  const row = await pool.maybeOne(sql.type(z.object({ value: z.instanceof(Buffer).nullable() }))`
    select ${sql.identifier([column.column])} as value
    from ${sql.identifier([column.table])}
    where ${isRow(column, key)}`)
  return row?.value
}

/** undefined: it does not open. */
function anew(secrets: Secrets, sealed: Buffer, context: string): Buffer | undefined {
  try {
    return secrets.seal(secrets.open(sealed, context), context)
  } catch {
    return undefined
  }
}

/** A value that was changed meanwhile stays as it is. */
async function replace(pool: Pool, column: SealedColumn, key: Key, before: Buffer, after: Buffer): Promise<number> {
  const value = sql.identifier([column.column])
  // the beginning holds the key's id and the random IV: enough to tell whether it is the same value
  const head = before.subarray(0, KEY_ID_LENGTH + 12)
  const { rowCount } = await pool.query(sql.void`
    update ${sql.identifier([column.table])}
    set ${value} = ${sql.binary(after)}
    where ${isRow(column, key)} and substring(${value} from 1 for ${head.length}) = ${sql.binary(head)}`)
  return rowCount
}

/** The key that a blob names holds its row: it names the current one when no piece needs another. */
async function renameBlobKeys(pool: Pool, currentId: string): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(sql.void`
      update blobs
      set data_key_id = ${currentId}
      where id in (
        select b.id
        from blobs b
        where b.data_key_id <> ${currentId}
          and not exists (
            select from blob_chunks t
            where t.blob_id = b.id and ${keyIdIn(chunks)} <> ${currentId})
        limit 500)`)
    if (rowCount === 0) return
  }
}

const chunks = sealedColumns.find(({ table }) => table === 'blob_chunks')!

const KeyRow = z.object({ id: z.string() })

/** @returns the keys that were forgotten */
async function removeUnusedKeys(pool: Pool, currentId: string, used: ReadonlySet<string>): Promise<string[]> {
  const unused = await pool.any(sql.type(KeyRow)`
    select k.id
    from data_keys k
    where k.id <> all(${sql.array([currentId, ...used], 'text')}) and k.current_from <= now()
      and not exists (select from blobs b where b.data_key_id = k.id)`)
  const ids = unused.map(({ id }) => id)
  await removeDataKeys(pool, ids)
  return ids
}

const selectOtherKeys = async (pool: Pool, currentId: string): Promise<string[]> =>
  (await pool.any(sql.type(KeyRow)`select id from data_keys where id <> ${currentId}`)).map(({ id }) => id)
