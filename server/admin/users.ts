// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/users
import { problem } from '../../shared/errors.ts'
import { selectOrganizations } from '../../shared/organizations/queries.ts'
import {
  type AdminUser,
  deleteUser,
  selectOptionalAdminUser,
  selectUsersPage,
  setSiteAdmin,
  suspendUser,
} from '../../shared/users/admin.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource, toMany } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { organization } from '../organizations/json.ts'
import { type Context, Routes } from '../route.ts'
import { user } from '../users/json.ts'

export const adminUsers = new Routes('/api/v2/admin')

const adminUser = defineResource<AdminUser>({
  type: 'users',
  id: (u) => u.id,
  attributes: async (u, ctx) => ({
    ...(await user.attributes(u, ctx)),
    'is-suspended': u.suspended_at !== null,
  }),
  relationships: (u) => ({ organizations: toMany('organizations', u.organization_names) }),
  links: (u) => ({ self: `/api/v2/users/${u.id}` }),
  includes: {
    organizations: async (rows, { app }) => ({
      resource: organization,
      rows: await selectOrganizations(
        app.db,
        rows.flatMap((u) => u.organization_ids),
      ),
    }),
  },
})

const flag = (ctx: Context, name: string): boolean | null => {
  const value = textOf(ctx, name)
  return value === 'true' ? true : value === 'false' ? false : null
}

adminUsers.get('/users', { action: 'site:admin' }, async (ctx) => {
  const page = pageOf(ctx)
  const filter = {
    q: textOf(ctx, 'q') ?? null,
    isAdmin: flag(ctx, 'filter[admin]'),
    isSuspended: flag(ctx, 'filter[suspended]'),
  }
  const { rows, totalCount } = await selectUsersPage(ctx.app.db, filter, page)
  return many(adminUser, rows, ctx, { page, totalCount })
})

async function userOf(ctx: Context): Promise<AdminUser> {
  const found = await selectOptionalAdminUser(ctx.app.db, ctx.params.user_id!)
  if (!found) throw problem('not_found')
  return found
}

/** The one who acts keeps the rights that the act needs. */
async function otherUserOf(ctx: Context, what: string): Promise<AdminUser> {
  const found = await userOf(ctx)
  if (ctx.actor.kind === 'user' && ctx.actor.userId === found.id) throw problem('conflict', `You cannot ${what}.`)
  return found
}

adminUsers.delete('/users/:user_id', { action: 'site:admin' }, async (ctx) => {
  const found = await otherUserOf(ctx, 'delete your own account')
  await ctx.app.db.transaction((tx) => deleteUser(tx, found.id))
})

const actions = {
  suspend: async (ctx: Context) =>
    suspendUser(ctx.app.db, (await otherUserOf(ctx, 'suspend your own account')).id, true),
  unsuspend: async (ctx: Context) => suspendUser(ctx.app.db, (await userOf(ctx)).id, false),
  grant_admin: async (ctx: Context) => setSiteAdmin(ctx.app.db, (await userOf(ctx)).id, true),
  revoke_admin: async (ctx: Context) =>
    setSiteAdmin(ctx.app.db, (await otherUserOf(ctx, 'give up your own rights')).id, false),
  disable_two_factor: async (ctx: Context) => {
    const { username } = await userOf(ctx)
    throw problem('bad_request', `${username} has no two-factor sign-in: this server does not offer it.`)
  },
} satisfies Record<string, (ctx: Context) => Promise<unknown>>

for (const [name, act] of Object.entries(actions)) {
  adminUsers.post(`/users/:user_id/actions/${name}`, { action: 'site:admin' }, async (ctx) => {
    await act(ctx)
    return one(adminUser, await userOf(ctx), ctx)
  })
}
