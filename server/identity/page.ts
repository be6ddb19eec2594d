import { publishedKeys, rotateSigningKey, trimSigningKeys } from '../../shared/identity/keys.ts'
import { PageRoutes } from '../page-route.ts'

export const identityPages = new PageRoutes()

const site = { action: 'site:admin' } as const

identityPages.get('/app/admin/identity', site, async (ctx) => {
  await ctx.render('identity/keys', { keys: await publishedKeys(ctx.app), issuer: ctx.app.config.url })
})

identityPages.post('/app/admin/identity/rotate', site, async (ctx) => {
  await rotateSigningKey(ctx.app)
  ctx.redirect('/app/admin/identity', { tone: 'green', text: 'A new key signs from now on.' })
})

identityPages.post('/app/admin/identity/trim', site, async (ctx) => {
  await trimSigningKeys(ctx.app)
  ctx.redirect('/app/admin/identity', { tone: 'green', text: 'Only the current key is published now.' })
})
