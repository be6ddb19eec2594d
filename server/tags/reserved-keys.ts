// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/reserved-tag-keys
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import {
  deleteReservedKey,
  insertReservedKey,
  type ReservedKey,
  selectOptionalReservedKey,
  selectReservedKeysPage,
  updateReservedKey,
} from '../../shared/tags/reserved-keys.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'

export const reservedTagKeys = new Routes('/api/v2')

const reservedTagKey = defineResource<ReservedKey>({
  type: 'reserved-tag-keys',
  id: (k) => k.id,
  attributes: (k) => ({
    key: k.key,
    'disable-overrides': k.disable_overrides,
    // the client reads these two with an underscore, the documentation shows a dash
    created_at: k.created_at,
    updated_at: k.updated_at,
    'created-at': k.created_at,
    'updated-at': k.updated_at,
  }),
})

const inOrganization = '/organizations/:organization_name/reserved-tag-keys'
const byId = '/reserved-tag-keys/:reserved_tag_key_id'

async function keyById(ctx: Context): Promise<Subject & { key: ReservedKey }> {
  const key = await selectOptionalReservedKey(ctx.app.db, ctx.params.reserved_tag_key_id!)
  if (!key) throw problem('not_found')
  return { key, scope: { organizationId: key.organization_id } }
}

reservedTagKeys.get(inOrganization, { action: 'tag:read', subject: organizationByName }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectReservedKeysPage(ctx.app.db, ctx.subject.organization.id, page)
  return many(reservedTagKey, rows, ctx, { page, totalCount })
})

reservedTagKeys.post(
  inOrganization,
  {
    action: 'tag:manage',
    subject: organizationByName,
    attributes: z.object({ key: z.string('is required'), 'disable-overrides': z.boolean().nullish() }),
    answers: 201,
  },
  async (ctx) => {
    const { key, 'disable-overrides': disableOverrides } = ctx.input.attributes
    const made = await insertReservedKey(ctx.app.db, ctx.subject.organization.id, {
      key,
      disableOverrides: disableOverrides ?? false,
    })
    return one(reservedTagKey, made, ctx)
  },
)

reservedTagKeys.patch(
  byId,
  {
    action: 'tag:manage',
    subject: keyById,
    attributes: z.object({ key: z.string().optional(), 'disable-overrides': z.boolean().nullish() }),
  },
  async (ctx) => {
    const { key, 'disable-overrides': disableOverrides } = ctx.input.attributes
    const before = ctx.subject.key
    const changed = await updateReservedKey(ctx.app.db, before.id, {
      key: key ?? before.key,
      disableOverrides: disableOverrides ?? before.disable_overrides,
    })
    return one(reservedTagKey, changed, ctx)
  },
)

reservedTagKeys.delete(byId, { action: 'tag:manage', subject: keyById }, async (ctx) => {
  await deleteReservedKey(ctx.app.db, ctx.subject.key.id)
})
