import { createMessage, readKey, readSignature, verify } from 'openpgp'
import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'

const KeyRow = z.object({
  id: z.number(),
  organization_id: z.string(),
  organization_name: z.string(),
  key_id: z.string(),
  ascii_armor: z.string(),
  created_at: z.date(),
  updated_at: z.date(),
})
export type GpgKey = z.output<typeof KeyRow>

const columns = sql.fragment`
  k.id, k.organization_id, o.name as organization_name, k.key_id, k.ascii_armor, k.created_at, k.updated_at`

const tables = sql.fragment`
  gpg_keys k
  join organizations o on o.id = k.organization_id and o.deleted_at is null`

export const selectOptionalGpgKey = (tx: Tx, organizationId: string, keyId: string) =>
  tx.maybeOne(sql.type(KeyRow)`
    select ${columns}
    from ${tables}
    where k.organization_id = ${organizationId} and k.key_id = upper(${keyId})`)

export async function selectGpgKeysPage(
  tx: Tx,
  organizationIds: readonly string[],
  page: { size: number; offset: number },
) {
  const ids = sql.array([...organizationIds], 'text')
  const rows = await tx.any(sql.type(KeyRow)`
    select ${columns}
    from ${tables}
    where k.organization_id = any(${ids})
    order by k.id
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from gpg_keys
    where organization_id = any(${ids})`)
  return { rows, totalCount: count }
}

const taken = (error: unknown): unknown =>
  error instanceof UniqueIntegrityConstraintViolationError
    ? invalid('ascii-armor', 'The namespace has this key already')
    : error

/** @throws problem 'invalid_attribute' when the namespace has the key already */
export async function insertGpgKey(
  tx: Tx,
  row: { organizationId: string; keyId: string; asciiArmor: string },
): Promise<void> {
  try {
    await tx.query(sql.void`
      insert into gpg_keys (organization_id, key_id, ascii_armor)
      values (${row.organizationId}, ${row.keyId}, ${row.asciiArmor})`)
  } catch (error) {
    throw taken(error)
  }
}

/** @throws problem 'invalid_attribute' when that namespace has the key already */
export async function moveGpgKey(tx: Tx, id: number, organizationId: string): Promise<void> {
  try {
    await tx.query(sql.void`
      update gpg_keys
      set organization_id = ${organizationId}, updated_at = now()
      where id = ${id}`)
  } catch (error) {
    throw taken(error)
  }
}

export const deleteGpgKeyRow = (tx: Tx, id: number) =>
  tx.query(sql.void`
    delete from gpg_keys
    where id = ${id}`)

/** The long id of an armored public key, in capitals. @throws problem 'invalid_attribute' for anything else */
export async function keyIdOf(asciiArmor: string): Promise<string> {
  const key = await readKey({ armoredKey: asciiArmor }).catch(() => null)
  if (!key) throw invalid('ascii-armor', 'Ascii armor is not a PGP public key block')
  if (key.isPrivate())
    throw invalid('ascii-armor', 'Ascii armor is a private key. Give the public one and keep this secret')
  return key.getKeyID().toHex().toUpperCase()
}

/** Whether a detached binary signature is this key's over the bytes, as the CLIs check it. */
export async function isSignedBy(asciiArmor: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    const result = await verify({
      message: await createMessage({ binary: bytes }),
      signature: await readSignature({ binarySignature: signature }),
      verificationKeys: await readKey({ armoredKey: asciiArmor }),
      // as long ago as it was signed: the CLIs accept a key that has expired since
      date: null as never,
    })
    return (await Promise.all(result.signatures.map(({ verified }) => verified.catch(() => false)))).includes(true)
  } catch {
    return false
  }
}
