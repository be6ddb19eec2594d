import { randomUUID } from 'node:crypto'
import type { Access, Scope } from '../../shared/access/access.ts'
import { recordEntry } from '../../shared/audit/entries.ts'
import { masked } from '../../shared/audit/masked.ts'
import type { Input } from '../jsonapi/body.ts'
import type { PageContext } from '../page-route.ts'
import type { Context, Method, Subject } from '../route.ts'
import { type Named, nameCall, nameForm } from './named.ts'

/** Changing routes that leave no entry, and why. Everything else leaves exactly one. */
export const unaudited: Record<string, string> = {
  'post /api/v2/admin/organizations/:organization_name/subscription': 'changes nothing: there is one feature set',
  'post /app/theme': 'a cookie of the browser; nothing is stored',
  'post /api/agent/v1/agents/:agent_id/ping': 'a sign of life every few seconds',
  'post /api/agent/v1/agents/:agent_id/take': 'a question for work; the run keeps who took it',
  'post /api/agent/v1/agents/:agent_id/start': 'the run keeps who started it',
  'post /api/agent/v1/phases/:phase_id/heartbeat': 'a sign of life every few seconds',
  'post /api/agent/v1/phases/:phase_id/log': 'a piece of a log; the log itself is kept',
  'put /api/agent/v1/phases/:phase_id/artifacts/:name': 'a file of a plan that is kept with it',
}

const changes = (method: Method) => method !== 'get' && method !== 'head'

const scopes = new WeakMap<Access, Scope>()

/** Remembers where a request was allowed something: routes that name their object in the body learn it late. */
export const notePermitted = (access: Access, scope: Scope): void => {
  if (scope.organizationId) scopes.set(access, scope)
}

interface Done {
  /** As registered, with its parameters. */
  path: string
  method: Method
  subject: Subject
}

interface JsonApiAnswer {
  data?: { type?: unknown; id?: unknown; attributes?: Record<string, unknown> } | unknown[]
}

/** After an API call succeeded: its one entry. Throws when it cannot be written: then the caller hears of it. */
export async function recordCall(
  ctx: Context,
  done: Done,
  input: Input<unknown> | undefined,
  answer: unknown,
): Promise<void> {
  const { method, path } = done
  if (!changes(method) || unaudited[`${method} ${path}`] || ctx.koa.status >= 400) return
  const named = nameCall(method, path, ctx.params)
  const made = (answer as JsonApiAnswer | undefined)?.data
  const one = made && !Array.isArray(made) ? made : undefined
  if (named.action === 'create' && typeof one?.id === 'string' && typeof one.type === 'string') {
    named.objectType = one.type === 'vars' ? 'variables' : one.type
    named.objectId = one.id
  }
  const sent = sentOf(input)
  const own = named.objectType === 'organizations' ? one?.attributes?.['external-id'] : undefined
  await write(ctx, named, done.subject, sent, typeof own === 'string' ? own : null)
}

/** Fields of forms that hold no secret; all others are masked, so that a new form cannot tell one by mistake. */
const shown = new Set([
  ...['name', 'description', 'confirm', 'email', 'workspace', 'username', 'login', 'project', 'key', 'category', 'hcl'],
  ...['sensitive', 'id', 'team', 'days', 'comment', 'access', 'working-directory', 'visibility', 'version', 'user'],
  ...['terraform-version', 'target', 'status', 'source', 'shared', 'scope', 'reason', 'reach', 'message', 'kind'],
  ...['execution-mode', 'engine', 'email-addresses', 'destination-type', 'default-execution-mode', 'apply', 'answer'],
  ...[
    'default-agent-pool',
    'agent-pool-id',
    'client_id',
    'query',
    'level',
    'stages',
    'global',
    'overridable',
    'except',
  ],
  ...['enforcement-level', 'enabled', 'task', 'policy', 'policy-tool-version', 'keep', 'idle', 'auto-destroy-at'],
  ...['auto-destroy-activity-duration', 'unconfirmed-plan-timeout-minutes', 'discard-superseded-runs', 'max-ttl'],
  ...['concurrent-run-limit', 'plan-timeout', 'apply-timeout', 'session-timeout', 'session-remember', 'user-tokens'],
  ...['slug', 'client-id', 'scopes', 'groups-claim', 'group-prefix', 'allowed-domains', 'creates-users', 'links-users'],
  ...['sso-team-id'],
  ...['user-days', 'team-days', 'organization-days', 'audit-days'],
])

/** The same for a form that was not drawn again with an error. */
export async function recordForm(ctx: PageContext, path: string, subject: Subject): Promise<void> {
  if (unaudited[`post ${path}`] || ctx.koa.status >= 400) return
  const named = nameForm(path, ctx.params)
  const location = ctx.koa.response.get('location') || ctx.koa.response.get('hx-redirect') || ''
  if (named.objectId === null && location.startsWith(`${ctx.koa.path}/`)) {
    named.objectId = decodeURIComponent(location.slice(ctx.koa.path.length + 1).split(/[/?#]/)[0]!)
  }
  const plain = Object.entries(ctx.form.fields()).map(([name, value]) => [name, shown.has(name) ? value : '(masked)'])
  await write(ctx, named, subject, Object.fromEntries(plain), null)
}

/** A change that a GET brings: a sign-in that comes back from another place. */
export async function recordChange(
  ctx: Context,
  organizationId: string | null,
  named: Named,
  after: Record<string, unknown>,
): Promise<void> {
  await write(ctx, named, { scope: organizationId ? { organizationId } : {} }, after, null)
}

/** The attributes and related ids of a document, or a plain body. */
function sentOf(input: Input<unknown> | undefined): Record<string, unknown> | undefined {
  const raw = input?.raw
  if (typeof raw !== 'object' || raw === null) return undefined
  const data = (raw as { data?: unknown }).data
  if (Array.isArray(data)) return { data }
  if (typeof data !== 'object' || data === null) return raw as Record<string, unknown>
  const { attributes, relationships } = data as Record<string, Record<string, unknown> | undefined>
  return { ...attributes, ...(relationships && { relationships }) }
}

async function write(
  ctx: Context,
  named: Named,
  subject: Subject,
  sent: Record<string, unknown> | undefined,
  made: string | null,
): Promise<void> {
  const { app, actor, koa } = ctx
  const scope = subject.scope.organizationId ? subject.scope : (scopes.get(ctx.access) ?? {})
  const own = 'organizationId' in actor ? actor.organizationId : null
  const before = named.action === 'create' ? undefined : rowOf(subject, sent)
  await recordEntry(app, {
    organizationId: scope.organizationId ?? made ?? own,
    actor,
    address: koa.ip.replace(/^::ffff:/, ''),
    ...named,
    objectId: named.objectId?.slice(0, 200) ?? null,
    requestId: requestIdOf(ctx),
    ...(before && { before: masked(before) }),
    ...(sent && Object.keys(sent).length > 0 && { after: masked(sent) }),
  })
}

/** What the sent attributes were before, of the row that the path named; of a row that goes, its name. */
function rowOf(subject: Subject, sent: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  const row = Object.entries(subject).find(([name, value]) => name !== 'scope' && typeof value === 'object')?.[1] as
    | Record<string, unknown>
    | undefined
  if (!row) return undefined
  const names = Object.keys(sent ?? { id: '', name: '' })
  const known = names.flatMap((name) => {
    const column = name.replaceAll('-', '_')
    return Object.hasOwn(row, column) ? [[name, row[column]] as const] : []
  })
  return known.length > 0 ? Object.fromEntries(known) : undefined
}

/** The caller's own id of the request when it sent a plain one. */
function requestIdOf({ koa }: Context): string {
  const sent = koa.get('x-request-id')
  return /^[\w-]{8,100}$/.test(sent) ? sent : randomUUID()
}
