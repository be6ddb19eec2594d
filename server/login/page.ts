import { Problem } from '../../shared/errors.ts'
import { countAttempt, forgetAttempts } from '../../shared/sessions/attempts.ts'
import { deleteSession } from '../../shared/sessions/sessions.ts'
import { selectEnabledProviders } from '../../shared/sign-in/providers.ts'
import { checkPassword, selectOptionalLogin } from '../../shared/users/users.ts'
import { writeCookie } from '../cookies.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { returnTo } from '../return-to.ts'
import { beginSession } from './begin-session.ts'

export const loginPages = new PageRoutes()

const wrong = 'The name or the password is wrong.'
const switchedOff = 'Signing in with a password is switched off on this server.'

loginPages.get('/app/login', { action: 'public:read' }, async (ctx) => {
  const to = returnTo(ctx.ask('return_to'))
  if (ctx.session) return ctx.redirect(to)
  await ctx.render('login/page', {
    returnTo: to,
    login: '',
    error: null,
    isLocal: ctx.app.config.localSignIn,
    providers: await selectEnabledProviders(ctx.app.db),
  })
})

loginPages.post('/app/login', { action: 'public:read' }, async (ctx) => {
  const { app, koa, form } = ctx
  const login = form.line('login')
  const to = returnTo(form.text('return_to'))
  if (!app.config.localSignIn) return again(ctx, login, to, switchedOff, 403)
  if (login === '' || login.length > 300 || form.text('password').length > 1000) return again(ctx, login, to, wrong)
  try {
    await countAttempt(app.db, login, koa.ip)
  } catch (error) {
    if (error instanceof Problem && error.status === 429) return again(ctx, login, to, error.detail, 429)
    throw error
  }
  const user = await selectOptionalLogin(app.db, login)
  if (!(await checkPassword(form.text('password'), user?.password_hash ?? null)) || !user) {
    return again(ctx, login, to, wrong)
  }
  await forgetAttempts(app.db, login, koa.ip)
  await beginSession(ctx, { id: user.id, username: login })
  ctx.redirect(to)
})

async function again(ctx: PageContext, login: string, to: string, error: string, status = 422): Promise<void> {
  ctx.koa.status = status
  const providers = await selectEnabledProviders(ctx.app.db)
  await ctx.render('login/page', {
    returnTo: to,
    login: login.slice(0, 300),
    error,
    isLocal: ctx.app.config.localSignIn,
    providers,
  })
}

loginPages.post('/app/logout', { action: 'public:read' }, async (ctx) => {
  if (ctx.session) await deleteSession(ctx.app.db, ctx.session.id)
  writeCookie(ctx.koa, ctx.origin, 'session', '', 0)
  ctx.redirect('/app/login')
})

loginPages.post('/app/theme', { action: 'public:read' }, async (ctx) => {
  const theme = ctx.form.line('theme')
  const known = ['light', 'dark'].includes(theme)
  ctx.koa.append(
    'Set-Cookie',
    `tofutf_theme=${known ? theme : ''}; Path=/; SameSite=Lax; HttpOnly; Max-Age=${known ? 31536000 : 0}`,
  )
  ctx.redirect(returnTo(ctx.form.text('return_to')))
})
