import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { Problem, problem } from '../../shared/errors.ts'
import { selectUsersPage, suspendUser } from '../../shared/users/admin.ts'
import { acceptInvitation, invitationCode, userOfInvitation } from '../../shared/users/invitations.ts'
import { insertUser, selectOptionalUser } from '../../shared/users/users.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'

export const userAdminPages = new PageRoutes()

async function draw(ctx: PageContext, more: Record<string, unknown> = {}): Promise<void> {
  const page = pageOf(ctx)
  const q = ctx.ask('q').trim()
  const { rows, totalCount } = await selectUsersPage(ctx.app.db, { q: q || null }, page)
  const values = { username: '', email: '', admin: false }
  await ctx.render('admin/users', { users: rows, totalCount, page, q, values, error: null, link: null, ...more })
}

userAdminPages.get('/app/admin/users', { action: 'site:admin' }, (ctx) => draw(ctx))

const linkFor = async (ctx: PageContext, userId: string) => ({
  name: (await selectOptionalUser(ctx.app.db, userId))?.username,
  href: `${ctx.origin}/app/invitation/${await invitationCode(ctx.app, userId)}`,
})

userAdminPages.post('/app/admin/users', { action: 'site:admin' }, async (ctx) => {
  const { app, form } = ctx
  const values = { username: form.line('username'), email: form.line('email'), admin: form.has('admin') }
  const refuse = (text: string) => {
    ctx.koa.status = 422
    return draw(ctx, { values, error: text })
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(values.username))
    return refuse('A username has letters, digits, dashes, underscores and dots.')
  if (values.email.length > 254 || !/^[^@\s]+@[^@\s]+$/.test(values.email))
    return refuse('That is not an e-mail address.')
  try {
    const { username, email, admin } = values
    const id = await insertUser(app.db, { username, email, passwordHash: null, isSiteAdmin: admin })
    await draw(ctx, { link: await linkFor(ctx, id) })
  } catch (error) {
    if (!(error instanceof UniqueIntegrityConstraintViolationError)) throw error
    await refuse('There is an account with that name or address already. Find it in the list.')
  }
})

userAdminPages.post('/app/admin/users/:user_id/link', { action: 'site:admin' }, async (ctx) =>
  draw(ctx, { link: await linkFor(ctx, ctx.params.user_id!) }),
)

for (const [name, isSuspended] of [
  ['suspend', true],
  ['restore', false],
] as const) {
  userAdminPages.post(`/app/admin/users/:user_id/${name}`, { action: 'site:admin' }, async (ctx) => {
    if (ctx.params.user_id === ctx.session!.user_id) throw problem('conflict', 'You cannot suspend yourself.')
    await suspendUser(ctx.app.db, ctx.params.user_id!, isSuspended)
    ctx.redirect('/app/admin/users', { tone: 'green', text: isSuspended ? 'Suspended and signed out.' : 'Restored.' })
  })
}

const invitation = '/app/invitation/:code'

userAdminPages.get(invitation, { action: 'public:read' }, async (ctx) => {
  if (!ctx.app.config.localSignIn) return passwordsAreOff(ctx)
  const user = await userOfInvitation(ctx.app, ctx.params.code!)
  await drawInvitation(ctx, user.email, user.username.startsWith('invited-') ? '' : user.username, null)
})

/** The invitation stays what it is: it opens with the first sign-in through a provider. */
const passwordsAreOff = (ctx: PageContext) =>
  ctx.redirect('/app/login', {
    tone: 'red',
    text: 'Passwords are switched off on this server: sign in through one of its providers.',
  })

const drawInvitation = (ctx: PageContext, email: string | null, username: string, error: string | null) =>
  ctx.render('login/invitation', { email, username, error })

userAdminPages.post(invitation, { action: 'public:read' }, async (ctx) => {
  const { app, form, params } = ctx
  if (!app.config.localSignIn) return passwordsAreOff(ctx)
  const user = await userOfInvitation(app, params.code!)
  const username = form.line('username')
  const password = form.text('password')
  try {
    if (password.length < 10 || password.length > 1000)
      throw problem('invalid_attribute', 'A password has at least 10 characters.')
    if (password !== form.text('again')) throw problem('invalid_attribute', 'The two passwords differ.')
    await acceptInvitation(app, params.code!, { username, password })
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 422) throw error
    ctx.koa.status = 422
    return drawInvitation(ctx, user.email, username, error.detail)
  }
  ctx.redirect('/app/login', { tone: 'green', text: 'The password is set. Sign in with it.' })
})
