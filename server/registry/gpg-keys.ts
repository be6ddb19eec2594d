// Source: shared/api/module-provider-registry.md 3 "GPG keys", …/api-docs/private-registry/gpg-keys
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { selectOptionalOrganizationByName } from '../../shared/organizations/queries.ts'
import {
  deleteGpgKeyRow,
  type GpgKey,
  insertGpgKey,
  keyIdOf,
  moveGpgKey,
  selectGpgKeysPage,
  selectOptionalGpgKey,
} from '../../shared/registry/gpg-keys.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'

// not below /api/v2: go-tfe derives this base from its address (see the source)
export const gpgKeys = new Routes('/api/registry/private/v2/gpg-keys')

const gpgKey = defineResource<GpgKey>({
  type: 'gpg-keys',
  id: (k) => String(k.id),
  attributes: (k) => ({
    'ascii-armor': k.ascii_armor,
    'key-id': k.key_id,
    namespace: k.organization_name,
    source: '',
    'source-url': null,
    'trust-signature': '',
    'created-at': k.created_at,
    'updated-at': k.updated_at,
  }),
  links: (k) => ({ self: `/api/registry/private/v2/gpg-keys/${k.organization_name}/${k.key_id}` }),
})

/** Organizations of the namespaces in a list; one that the caller may not see is as if it did not exist. */
async function readable(ctx: Context): Promise<string[]> {
  const names = [ctx.query['filter[namespace]'] ?? []].flat().flatMap((text) => text.split(','))
  const wanted = [...new Set(names.map((name) => name.trim()).filter(Boolean))].slice(0, 20)
  if (wanted.length === 0) throw problem('bad_request', 'filter[namespace] is required: the names of organizations.')
  const ids: string[] = []
  for (const name of wanted) {
    const found = await selectOptionalOrganizationByName(ctx.app.db, name)
    if (!found || !(await ctx.access.may('registry:read', { organizationId: found.id }))) throw problem('not_found')
    ids.push(found.id)
  }
  return ids
}

/** @throws problem 'forbidden' with the words that go-tfe looks for */
async function manageable(ctx: Context, namespace: string): Promise<string> {
  const found = await selectOptionalOrganizationByName(ctx.app.db, namespace)
  if (!found || !(await ctx.access.may('registry:manage-providers', { organizationId: found.id })))
    throw problem('forbidden', 'namespace not authorized')
  return found.id
}

interface KeySubject extends Subject {
  key: GpgKey
}

async function keyByName(ctx: Context): Promise<KeySubject> {
  const organization = await selectOptionalOrganizationByName(ctx.app.db, ctx.params.namespace!)
  const key = organization && (await selectOptionalGpgKey(ctx.app.db, organization.id, ctx.params.key_id!))
  if (!key) throw problem('not_found')
  return { key, scope: { organizationId: key.organization_id } }
}

const Armor = z
  .string("can't be blank")
  .min(1, "can't be blank")
  .max(256 * 1024)
const Namespace = z.string("can't be blank").min(1, "can't be blank")

// the namespaces of a list and of a new key are in query and body, so their rights are asked for by the handlers
gpgKeys.get('', { action: 'account:read' }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectGpgKeysPage(ctx.app.db, await readable(ctx), page)
  return many(gpgKey, rows, ctx, { page, totalCount })
})

gpgKeys.post(
  '',
  { action: 'account:read', attributes: z.object({ namespace: Namespace, 'ascii-armor': Armor }), answers: 201 },
  async (ctx) => {
    const { namespace, 'ascii-armor': asciiArmor } = ctx.input.attributes
    const organizationId = await manageable(ctx, namespace)
    const keyId = await keyIdOf(asciiArmor)
    await insertGpgKey(ctx.app.db, { organizationId, keyId, asciiArmor })
    return one(gpgKey, (await selectOptionalGpgKey(ctx.app.db, organizationId, keyId))!, ctx)
  },
)

gpgKeys.get('/:namespace/:key_id', { action: 'registry:read', subject: keyByName }, (ctx) =>
  one(gpgKey, ctx.subject.key, ctx),
)

gpgKeys.patch(
  '/:namespace/:key_id',
  { action: 'registry:manage-providers', subject: keyByName, attributes: z.object({ namespace: Namespace }) },
  async (ctx) => {
    const { id, key_id } = ctx.subject.key
    const organizationId = await manageable(ctx, ctx.input.attributes.namespace)
    await moveGpgKey(ctx.app.db, id, organizationId)
    return one(gpgKey, (await selectOptionalGpgKey(ctx.app.db, organizationId, key_id))!, ctx)
  },
)

gpgKeys.delete('/:namespace/:key_id', { action: 'registry:manage-providers', subject: keyByName }, async (ctx) => {
  await deleteGpgKeyRow(ctx.app.db, ctx.subject.key.id)
})
