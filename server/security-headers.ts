import type { Context as Koa, Middleware } from 'koa'
import helmet from 'koa-helmet'
import type { App } from '../shared/app.ts'

/** Nothing from elsewhere, nothing inline, nobody may frame us. */
const directives = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'"],
  'connect-src': ["'self'"],
  'form-action': ["'self'"],
  'base-uri': ["'none'"],
  'frame-ancestors': ["'none'"],
}

/** A page whose form leads to another address (the CLI's own, after a consent) names it. */
export function allowFormTo(koa: Koa, address: string): void {
  const all = { ...directives, 'form-action': [...directives['form-action'], address] }
  koa.set(
    'Content-Security-Policy',
    Object.entries(all)
      .map(([name, values]) => `${name} ${values.join(' ')}`)
      .join(';'),
  )
}

export function securityHeaders(app: App): Middleware {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives },
    // our own forms need their origin; other sites get nothing
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: app.config.url.startsWith('https:') && app.config.urlIsSet,
    crossOriginEmbedderPolicy: false,
    xFrameOptions: { action: 'deny' },
  })
}
