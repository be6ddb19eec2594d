// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/ssh-keys
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import {
  assignSshKey,
  deleteSshKey,
  insertSshKey,
  type SshKey,
  selectOptionalSshKey,
  selectSshKeysPage,
  updateSshKey,
} from '../../shared/ssh-keys/ssh-keys.ts'
import { selectWorkspace } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName, workspaceById } from '../subjects.ts'
import { workspace } from '../workspaces/json.ts'

export const sshKeys = new Routes('/api/v2')

/** The private key is never shown. */
const sshKey = defineResource<SshKey>({
  type: 'ssh-keys',
  id: (k) => k.id,
  attributes: (k) => ({ name: k.name }),
  links: (k) => ({ self: `/api/v2/ssh-keys/${k.id}` }),
})

const inOrganization = '/organizations/:organization_name/ssh-keys'
const byId = '/ssh-keys/:ssh_key_id'

async function sshKeyById(ctx: Context): Promise<Subject & { key: SshKey }> {
  const key = await selectOptionalSshKey(ctx.app.db, ctx.params.ssh_key_id!)
  if (!key) throw problem('not_found')
  return { key, scope: { organizationId: key.organization_id } }
}

const MAX_KEY = 65_536
const Create = z.object({ name: z.string('is required').max(255), value: z.string('is required').max(MAX_KEY) })
const Update = z.object({ name: z.string().max(255).optional(), value: z.string().max(MAX_KEY).optional() })

sshKeys.get(inOrganization, { action: 'ssh-key:read', subject: organizationByName }, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectSshKeysPage(ctx.app.db, ctx.subject.organization.id, page)
  return many(sshKey, rows, ctx, { page, totalCount })
})

sshKeys.post(
  inOrganization,
  { action: 'ssh-key:manage', subject: organizationByName, attributes: Create, answers: 201 },
  async (ctx) =>
    one(sshKey, await insertSshKey(ctx.app, ctx.app.db, ctx.subject.organization.id, ctx.input.attributes), ctx),
)

sshKeys.get(byId, { action: 'ssh-key:read', subject: sshKeyById }, (ctx) => one(sshKey, ctx.subject.key, ctx))

sshKeys.patch(byId, { action: 'ssh-key:manage', subject: sshKeyById, attributes: Update }, async (ctx) =>
  one(sshKey, await updateSshKey(ctx.app, ctx.app.db, ctx.subject.key, ctx.input.attributes), ctx),
)

sshKeys.delete(byId, { action: 'ssh-key:manage', subject: sshKeyById }, async (ctx) => {
  await deleteSshKey(ctx.app.db, ctx.subject.key.id)
})

const Assignment = z.object({ id: z.string().nullish() })

/** `id` null, or no data at all, takes the key away. */
sshKeys.patch(
  '/workspaces/:workspace_id/relationships/ssh-key',
  { action: 'workspace:update', subject: workspaceById, attributes: Assignment },
  async (ctx) => {
    const { app, subject, input } = ctx
    const linked = input.data as { id?: unknown } | null | undefined
    const id = input.attributes.id ?? (typeof linked?.id === 'string' ? linked.id : null)
    await assignSshKey(app.db, subject.workspace, id || null)
    return one(workspace, await selectWorkspace(app.db, subject.workspace.id), ctx)
  },
)
