/** Pages that a sign-in may lead back to. */
const places = /^\/(app(\/|$)|oauth\/authorize$)/

/**
 * The path (with query) to go to after a sign-in: one of this site, else `/app`. A full address, `//host`, `/\host`
 * and the like all fail, since what remains after the browser's own parsing must be a known place here.
 */
export function returnTo(given: unknown): string {
  if (typeof given !== 'string' || !/^\/(?![/\\])/.test(given) || /[\\\p{Cc}]/u.test(given)) return '/app'
  const base = 'http://here.invalid'
  const url = URL.parse(given, base)
  if (!url || url.origin !== base || !places.test(url.pathname) || url.pathname.startsWith('/app/login')) return '/app'
  return url.pathname + url.search
}
