import { problem } from '../../shared/errors.ts'
import { deleteToken, insertToken, selectOptionalToken, selectTokensOfUser } from '../../shared/tokens/tokens.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'

export const tokenPages = new PageRoutes()

const PAGE = 100

async function draw(ctx: PageContext, more: Record<string, unknown>): Promise<void> {
  const { rows, totalCount } = await selectTokensOfUser(ctx.app.db, ctx.session!.user_id, { size: PAGE, offset: 0 })
  await ctx.render('account/tokens', { tokens: rows, totalCount, made: null, error: null, description: '', ...more })
}

// the CLI prints this address when it cannot log in by itself
tokenPages.get('/app/settings/tokens', { action: 'account:read' }, async (ctx) => {
  ctx.redirect(`/app/account/tokens${ctx.koa.search}`)
})

tokenPages.get('/app/account/tokens', { action: 'account:read' }, (ctx) =>
  draw(ctx, { fromLogin: ctx.ask('source') === 'terraform-login' }),
)

tokenPages.post('/app/account/tokens', { action: 'account:update' }, async (ctx) => {
  const description = ctx.form.line('description')
  const days = Number(ctx.form.line('days'))
  if (description === '' || description.length > 200) {
    ctx.koa.status = 422
    return draw(ctx, {
      error: 'Say what the token is for, in at most 200 characters.',
      description: description.slice(0, 200),
    })
  }
  const expiredAt = [7, 30, 90, 365].includes(days) ? new Date(ctx.app.now().getTime() + days * 86_400_000) : null
  const userId = ctx.session!.user_id
  const made = await insertToken(ctx.app.db, { kind: 'user', userId, description, createdBy: userId, expiredAt })
  await draw(ctx, { made: { ...made, description } })
})

tokenPages.post('/app/account/tokens/:token_id/revoke', { action: 'account:update' }, async (ctx) => {
  const token = await selectOptionalToken(ctx.app.db, ctx.params.token_id!)
  if (token?.kind !== 'user' || token.user_id !== ctx.session!.user_id) throw problem('not_found')
  await deleteToken(ctx.app.db, token.id)
  ctx.redirect('/app/account/tokens', {
    tone: 'green',
    text: `Revoked “${token.description}”. What still uses it is refused from now on.`,
  })
})
