// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account and …/users
import { z } from 'zod'
import { problem } from '../../shared/errors.ts'
import { countAttempt, forgetAttempts } from '../../shared/sessions/attempts.ts'
import { changePassword, shareAnOrganization, updateAccount } from '../../shared/users/account.ts'
import { selectOptionalUser, type User } from '../../shared/users/users.ts'
import { one } from '../jsonapi/answer.ts'
import { type Context, Routes } from '../route.ts'
import { user } from './json.ts'

export const users = new Routes('/api/v2')

/** The account behind the token. Team and organization tokens have one too, made up for `terraform login`. */
async function accountOf({ app, actor }: Context): Promise<User> {
  if (actor.kind === 'user') {
    const found = await selectOptionalUser(app.db, actor.userId)
    if (found) return found
  }
  const service = { email: null, is_site_admin: false, is_service_account: true }
  if (actor.kind === 'team') return { ...service, id: `user-${actor.teamId}`, username: `api-${actor.teamId}` }
  if (actor.kind === 'organization')
    return { ...service, id: `user-${actor.organizationId}`, username: `api-${actor.organizationId}` }
  throw problem('not_found')
}

/** @throws problem 'not_found' for tokens that are not a person's */
export async function ownAccount({ app, actor }: Context): Promise<User> {
  const found = actor.kind === 'user' ? await selectOptionalUser(app.db, actor.userId) : null
  if (!found) throw problem('not_found')
  return found
}

users.get('/account/details', { action: 'account:read' }, async (ctx) => one(user, await accountOf(ctx), ctx))

users.patch(
  '/account/update',
  {
    action: 'account:update',
    attributes: z.object({ username: z.string().optional(), email: z.string().optional() }),
  },
  async (ctx) => {
    await updateAccount(ctx.app.db, await ownAccount(ctx), ctx.input.attributes)
    return one(user, await ownAccount(ctx), ctx)
  },
)

const Password = z.object({
  current_password: z.string(),
  password: z.string(),
  password_confirmation: z.string().optional(),
})

users.patch(
  '/account/password',
  {
    action: 'account:update',
    attributes: z.record(z.string(), z.unknown()),
  },
  async (ctx) => {
    // written with underscores in the documentation, with dashes by clients that follow the rest of the API
    const kebab = Object.entries(ctx.input.attributes).map(([k, v]) => [k.replaceAll('-', '_'), v])
    const parsed = Password.safeParse(Object.fromEntries(kebab))
    if (!parsed.success) throw problem('invalid_attribute', 'current_password and password are needed.')
    const { current_password: current, password: next, password_confirmation: again } = parsed.data
    if (again !== undefined && again !== next)
      throw problem('invalid_attribute', "Password confirmation doesn't match Password")
    const account = await ownAccount(ctx)
    await countAttempt(ctx.app.db, account.username, ctx.koa.ip)
    await changePassword(ctx.app, account.id, { current, next }, null)
    await forgetAttempts(ctx.app.db, account.username, ctx.koa.ip)
    return one(user, account, ctx)
  },
)

users.get('/users/:user_id', { action: 'account:read' }, async (ctx) => {
  const found = await selectOptionalUser(ctx.app.db, ctx.params.user_id!)
  if (!found || !(await maySee(ctx, found))) throw problem('not_found')
  return one(user, found, ctx)
})

/** Oneself, and those one shares an organization with. */
async function maySee(ctx: Context, other: User): Promise<boolean> {
  const { access, actor, app } = ctx
  if (access.isSiteAdmin) return true
  if (actor.kind !== 'user') return false
  return actor.userId === other.id || shareAnOrganization(app.db, actor.userId, other.id)
}
