import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'

/** Private keys with which runs fetch modules from Git. The key itself is read by a run and by nobody else. */
const SshKeyRow = z.object({ id: z.string(), organization_id: z.string(), name: z.string() })
export type SshKey = z.output<typeof SshKeyRow>

const columns = sql.fragment`k.id, k.organization_id, k.name`
const context = (id: string): string => `ssh_keys.value:${id}`

/** A key as ssh reads it: LF line ends, one newline at the end. Forms send CRLF. */
export const normalizeKey = (value: string): string => `${value.replace(/\r\n?/g, '\n').trim()}\n`

/** Whether text is framed as a private key; what is in the frame is ssh's to judge. */
export const isPrivateKey = (value: string): boolean =>
  /^-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\n[\s\S]+\n-----END \1-----\n$/.test(normalizeKey(value))

export async function selectSshKeysPage(tx: Tx, organizationId: string, page: { size: number; offset: number }) {
  const rows = await tx.any(sql.type(SshKeyRow.extend({ total_count: z.number() }))`
    select ${columns}, count(*) over ()::int as total_count
    from ssh_keys k
    where k.organization_id = ${organizationId}
    order by lower(k.name), k.id
    limit ${page.size} offset ${page.offset}`)
  return { rows, totalCount: rows[0]?.total_count ?? 0 }
}

export const selectOptionalSshKey = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(SshKeyRow)`
    select ${columns}
    from ssh_keys k
    join organizations o on o.id = k.organization_id and o.deleted_at is null
    where k.id = ${id}`)

/** @throws problem 'invalid_attribute' */
export async function insertSshKey(
  app: App,
  tx: Tx,
  organizationId: string,
  input: { name: string; value: string },
): Promise<SshKey> {
  if (input.name.trim() === '') throw invalid('name', "Name can't be blank")
  if (input.value.trim() === '') throw invalid('value', "Value can't be blank")
  const id = newId('sshkey')
  const sealed = app.secrets.seal(normalizeKey(input.value), context(id))
  return tx.one(sql.type(SshKeyRow)`
    insert into ssh_keys as k (id, organization_id, name, value)
    values (${id}, ${organizationId}, ${input.name}, ${sql.binary(sealed)})
    returning ${columns}`)
}

/** @throws problem 'invalid_attribute' */
export async function updateSshKey(
  app: App,
  tx: Tx,
  key: SshKey,
  change: { name?: string | undefined; value?: string | undefined },
): Promise<SshKey> {
  const name = change.name ?? key.name
  if (name.trim() === '') throw invalid('name', "Name can't be blank")
  const sealed = change.value ? app.secrets.seal(normalizeKey(change.value), context(key.id)) : null
  return tx.one(sql.type(SshKeyRow)`
    update ssh_keys k
    set name = ${name}, value = coalesce(${sealed ? sql.binary(sealed) : null}, k.value), updated_at = now()
    where k.id = ${key.id}
    returning ${columns}`)
}

export const deleteSshKey = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from ssh_keys
    where id = ${id}`)

/** @throws problem 'invalid_attribute' when the organization has no such key */
export async function assignSshKey(
  tx: Tx,
  workspace: { id: string; organization_id: string },
  keyId: string | null,
): Promise<void> {
  if (keyId && (await selectOptionalSshKey(tx, keyId))?.organization_id !== workspace.organization_id)
    throw invalid('id', 'The SSH key does not exist in this organization')
  await tx.query(sql.void`
    update workspaces
    set ssh_key_id = ${keyId}, updated_at = now()
    where id = ${workspace.id}`)
}

const _ValueRow = z.object({ id: z.string(), value: z.instanceof(Buffer) })

/** A private key in clear, for the memory of the worker that runs with it. */
export const openPrivateKey = (app: App, id: string, sealed: Buffer): string =>
  app.secrets.open(sealed, context(id)).toString()
