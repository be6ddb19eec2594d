import type { Context as Koa } from 'koa'

/**
 * Our cookies: HttpOnly, SameSite=Lax, for the whole site. Over TLS they are Secure and have the __Host- prefix, so
 * that a page of the plain-http port can neither read nor replace them.
 */
export const cookieName = (origin: string, name: string): string =>
  origin.startsWith('https:') ? `__Host-tofutf_${name}` : `tofutf_${name}`

export const readCookie = (koa: Koa, origin: string, name: string): string | undefined =>
  koa.cookies.get(cookieName(origin, name))

/** `maxAgeSeconds` 0 removes it; undefined: until the browser closes. `value` must need no quoting. */
export function writeCookie(koa: Koa, origin: string, name: string, value: string, maxAgeSeconds?: number): void {
  const parts = [`${cookieName(origin, name)}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax']
  if (maxAgeSeconds !== undefined) parts.push(`Max-Age=${maxAgeSeconds}`)
  if (origin.startsWith('https:')) parts.push('Secure')
  koa.append('Set-Cookie', parts.join('; '))
}
