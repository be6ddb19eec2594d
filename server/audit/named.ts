import type { Method } from '../route.ts'

/** What a change is called in the audit log, from its route: an action and the object that the path names. */
export interface Named {
  action: string
  objectType: string
  objectId: string | null
}

/** Segments of a path that are codes or signatures: they open something, so they are not written down. */
const secretParameters = new Set(['code', 'signature', 'expires'])

const byMethod: Record<Method, string> = {
  get: 'read',
  head: 'read',
  post: 'create',
  put: 'update',
  patch: 'update',
  delete: 'destroy',
}

const verbs: Record<string, string> = { delete: 'destroy', remove: 'destroy', revoke: 'destroy', new: 'create' }

/** The object: the last parameter of the path, with the noun that belongs to it. */
function objectOf(path: string, params: Record<string, string>): Pick<Named, 'objectType' | 'objectId'> {
  if (path.startsWith('/_signed/')) return { objectType: params.purpose!, objectId: params.id! }
  const segments = path.split('/')
  const at = segments.findLastIndex((s) => s.startsWith(':') && !secretParameters.has(s.slice(1)))
  if (at < 0) return { objectType: segments.filter((s) => s && !s.startsWith(':')).at(-1) ?? '', objectId: null }
  const name = segments[at]!.slice(1)
  const noun = /^(.+)_(?:id|name)$/.exec(name)?.[1]?.replaceAll('_', '-')
  const before = segments.slice(0, at).findLast((s) => s !== '' && !s.startsWith(':')) ?? ''
  return { objectType: noun ? `${noun}s` : before, objectId: params[name] ?? null }
}

export function nameCall(method: Method, path: string, params: Record<string, string>): Named {
  const action = /\/actions\/([\w-]+)/.exec(path)?.[1]
  const relates = path.includes('/relationships/') && method !== 'get'
  const last = path.split('/').at(-1)!
  if (method === 'post' && !action && !relates && !last.startsWith(':') && last.endsWith('s')) {
    return { action: 'create', objectType: last, objectId: null }
  }
  const word = action ?? (relates ? 'update' : byMethod[method])
  return { action: word.replaceAll('_', '-'), ...objectOf(path, params) }
}

/** A form: its last word says what it does; settings and things with an id are updated, collections get one more. */
export function nameForm(path: string, params: Record<string, string>): Named {
  const last = path.split('/').at(-1)!
  if (last.startsWith(':')) return { action: 'update', ...objectOf(path, params) }
  if (last === 'new') {
    return { action: 'create', objectType: path.split('/').at(-2)!, objectId: null }
  }
  const known = verbs[last]
  if (known) return { action: known, ...objectOf(path, params) }
  if (path.includes('/settings/') || path.includes('/account/p')) return { action: 'update', ...objectOf(path, params) }
  if (path === '/app') return { action: 'create', objectType: 'organizations', objectId: null }
  if (last.startsWith('new-')) return { action: 'create', objectType: `${last.slice(4)}s`, objectId: null }
  if (last.endsWith('s')) return { action: 'create', objectType: last, objectId: null }
  return { action: last, ...objectOf(path, params) }
}
