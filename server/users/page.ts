import { Problem, problem } from '../../shared/errors.ts'
import { countAttempt, forgetAttempts } from '../../shared/sessions/attempts.ts'
import { deleteSessionOfUser, handleOf, selectSessionsOfUser } from '../../shared/sessions/sessions.ts'
import { selectIdentitiesOfUser } from '../../shared/sign-in/identities.ts'
import { changePassword, updateAccount } from '../../shared/users/account.ts'
import { selectOptionalUser } from '../../shared/users/users.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'

export const accountPages = new PageRoutes()

async function draw(ctx: PageContext, more: Record<string, unknown> = {}): Promise<void> {
  const session = ctx.session!
  await ctx.render('account/page', {
    account: await selectOptionalUser(ctx.app.db, session.user_id),
    sessions: await selectSessionsOfUser(ctx.app.db, session.user_id),
    identities: await selectIdentitiesOfUser(ctx.app.db, session.user_id),
    own: handleOf(session),
    error: null,
    ...more,
  })
}

accountPages.get('/app/account', { action: 'account:read' }, (ctx) => draw(ctx))

/** Does it, or draws the page again with the reason why not. */
async function orSayWhy(ctx: PageContext, of: string, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Problem) || ![422, 429].includes(error.status)) throw error
    ctx.koa.status = error.status
    await draw(ctx, { error: { of, text: error.detail } })
  }
}

accountPages.post('/app/account/profile', { action: 'account:update' }, (ctx) =>
  orSayWhy(ctx, 'profile', async () => {
    const user = await selectOptionalUser(ctx.app.db, ctx.session!.user_id)
    if (!user) throw problem('not_found')
    await updateAccount(ctx.app.db, user, { username: ctx.form.line('username'), email: ctx.form.line('email') })
    ctx.redirect('/app/account', { tone: 'green', text: 'Saved.' })
  }),
)

accountPages.post('/app/account/password', { action: 'account:update' }, (ctx) =>
  orSayWhy(ctx, 'password', async () => {
    const { app, form, koa } = ctx
    const session = ctx.session!
    const next = form.text('password')
    if (next !== form.text('again'))
      throw problem('invalid_attribute', 'The two new passwords differ. Type the same one twice.')
    await countAttempt(app.db, session.username, koa.ip)
    await changePassword(app, session.user_id, { current: form.text('current'), next }, session.id)
    await forgetAttempts(app.db, session.username, koa.ip)
    ctx.redirect('/app/account', { tone: 'green', text: 'The password is changed. Other browsers are signed out.' })
  }),
)

accountPages.post('/app/account/sessions/:handle/end', { action: 'account:update' }, async (ctx) => {
  await deleteSessionOfUser(ctx.app.db, ctx.session!.user_id, ctx.params.handle!)
  ctx.redirect('/app/account', { tone: 'green', text: 'That browser is signed out.' })
})
