import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { z } from 'zod'
import type { Route } from '../../server/route.ts'
import { apiRoutes } from '../../server/routes.ts'
import { type Operation, operationOf, parametersOf, relationshipsOf, requestSchemaOf } from '../api/description.ts'
import { anything, objectOf, oddText, type Schema } from './values.ts'

/** A request before the ids of a world are put in. */
export interface HostileRequest {
  method: string
  /** A route's path; its parameters are filled by `ids`. */
  path: string
  /** Of each parameter: 'right', 'never' (of the right form), or the raw text to put there. */
  ids: Record<string, { kind: 'right' | 'never' } | { kind: 'raw'; text: string }>
  query: [name: string, value: string][]
  headers: Record<string, string>
  body: string | undefined
  caller: 'admin' | 'member' | 'agent' | 'nobody' | 'wrong'
}

const rawIds = fc.oneof(
  { weight: 3, arbitrary: oddText.map(encodeURIComponentSafely) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('%00', '%', '%ff', '%c0%af', '..', '..%2f..', '%2e%2e', 'x'.repeat(2000), 'ws-', '%0a'),
  },
)

/** encodeURIComponent throws for half a character; a client may send its bytes all the same. */
function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed()) || '%20'
}

const parameterNames = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!)

/** What a query may hold: of the description and of our own code, each tried at every route. */
const queryNames: string[] = [
  ...new Set([
    ...parametersOf().map((name) => name),
    ...sourcesOf(join(import.meta.dirname, '..', '..', 'server')).flatMap((text) =>
      [...text.matchAll(/(?:textOf|listOf)\(ctx, '([^']+)'|query\['([^']+)'\]|query\.([a-z]+)/g)].map(
        (match) => match[1] ?? match[2] ?? match[3]!,
      ),
    ),
  ]),
].sort()

/** Include paths and sort keys of all resources, and what looks like them. */
const oddQuery = fc.oneof(
  oddText,
  fc.constantFrom('name', '-name', 'created-at', '-created-at', 'name,name', '1', '100', '101', '99999999999999999999'),
  fc.constantFrom('workspace', 'organization,project', 'current_run,current-state-version', 'run.plan', ',,,', 'a.b.c'),
  fc.constantFrom(
    'applied',
    'planned,planned_and_finished',
    'pending',
    'x,y',
    'user',
    'manual',
    'audit-trails',
    'private',
  ),
)

const query = (operation: Operation | undefined) => {
  const own = operation?.query ?? []
  const name =
    own.length > 0 ? fc.oneof(fc.constantFrom(...own), fc.constantFrom(...queryNames)) : fc.constantFrom(...queryNames)
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant([] as [string, string][]) },
    {
      weight: 3,
      arbitrary: fc.array(
        fc.tuple(fc.oneof({ weight: 9, arbitrary: name }, { weight: 1, arbitrary: oddText }), oddQuery),
        { minLength: 1, maxLength: 4 },
      ),
    },
  )
}

const headers = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ 'content-type': 'application/vnd.api+json' }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Record<string, string>>(
      {},
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'multipart/form-data; boundary=x' },
      { 'content-type': 'application/json; charset=utf-16' },
      { 'content-type': '\u00ff' },
      { 'content-type': 'application/vnd.api+json', 'content-encoding': 'gzip' },
      { 'content-type': 'application/vnd.api+json', accept: 'x/y' },
      { 'content-type': 'application/vnd.api+json', range: 'bytes=9-1' },
      { 'content-type': 'application/vnd.api+json', cookie: '=;;%00=%ff', 'accept-encoding': '\u00e9' },
      { 'content-type': 'application/vnd.api+json', 'x-forwarded-for': 'x', 'x-forwarded-proto': ',,', forwarded: ';' },
      { 'content-type': 'application/vnd.api+json', 'if-none-match': '\u00e9', 'if-modified-since': 'x' },
    ),
  },
)

const related = (names: string[], types: string[]) => {
  const pointer = fc.record(
    { type: fc.oneof(fc.constantFrom(...types), anything), id: fc.oneof(idToken, idToken, anything) },
    { requiredKeys: [] },
  )
  const value = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ data: fc.oneof(pointer, fc.array(pointer, { maxLength: 3 }), fc.constant(null)) }),
    },
    { weight: 1, arbitrary: anything },
  )
  return names.length === 0 ? fc.constant({}) : fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 })
}

/** Stands in a body for an id of the world; put in when the request is sent. */
const idToken = fc
  .constantFrom(
    'workspace_id',
    'project_id',
    'team_id',
    'user_id',
    'run_id',
    'plans/:id',
    'configuration_version_id',
    'state_version_id',
    'varset_id',
    'agent_pool_id',
    'ssh_key_id',
    'oauth_token_id',
    'policy_id',
    'policy_set_id',
    '/api/v2/tasks/:id',
    'membership_id',
    'tag_id',
    'organization_name',
  )
  .map((key) => `<<${key}>>`)

const pointers = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record(
        {
          type: fc.constantFrom('workspaces', 'projects', 'users', 'tags', 'vars', 'policies', 'x'),
          id: idToken,
          attributes: fc.oneof(
            anything,
            fc.record({ key: anything, value: anything, name: anything, ids: anything }, { requiredKeys: [] }),
          ),
        },
        { requiredKeys: [] },
      ),
    },
    { weight: 1, arbitrary: anything },
  ),
  { maxLength: 4 },
)

function bodyOf(route: Route, operation: Operation | undefined): fc.Arbitrary<string | undefined> {
  const described = operation ? requestSchemaOf(operation) : {}
  const own = route.attributes
    ? (z.toJSONSchema(route.attributes, { io: 'input', unrepresentable: 'any' }) as Schema)
    : {}
  const attributes = objectOf({ ...described, ...own.properties })
  const names = operation ? relationshipsOf(operation) : []
  const document = fc.record({
    data: fc.record(
      {
        type: anything,
        id: fc.oneof(idToken, anything),
        attributes: fc.oneof({ weight: 9, arbitrary: attributes }, { weight: 1, arbitrary: anything }),
        relationships: related(
          ['workspace', 'project', 'organization', 'configuration-version', 'agent-pool', ...names],
          ['workspaces', 'projects', 'runs'],
        ),
      },
      { requiredKeys: ['attributes'] },
    ),
  })
  return fc.oneof(
    { weight: 10, arbitrary: document.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: pointers.map((data) => JSON.stringify({ data })) },
    { weight: 2, arbitrary: anything.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: attributes.map((value) => JSON.stringify(value)) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '{',
        '',
        '\ufeff{}',
        'null',
        '[]',
        '{"data":{"attributes":{"a":1,"a":2}}}',
        '{"data":{"attributes":{"name":"\\ud800"}}}',
        '{"data":{"attributes":{"__proto__":{"x":1}}}}',
        `{"data":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
        `{"data":{"attributes":{"name":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}}}`,
        `{"data":{"attributes":{"serial":1e999,"lineage":-1e999}}}`,
        '\u0000\u0001',
      ),
    },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

const idOf = (method: string) =>
  fc.oneof(
    // what is deleted is gone for the requests after it
    { weight: method === 'delete' ? 1 : 30, arbitrary: fc.constant({ kind: 'right' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'never' as const }) },
    { weight: 2, arbitrary: rawIds.map((text) => ({ kind: 'raw' as const, text })) },
  )

const requestOf = (route: Route): fc.Arbitrary<HostileRequest> => {
  const operation = operationOf(route.method, route.path)
  const takesBody = route.method !== 'get'
  return fc.record({
    method: fc.constant(route.method.toUpperCase()),
    path: fc.constant(route.path),
    ids: fc.record(Object.fromEntries(parameterNames(route.path).map((name) => [name, idOf(route.method)]))),
    query: query(operation),
    headers,
    body: takesBody ? bodyOf(route, operation) : fc.constant(undefined),
    caller: fc.oneof(
      { weight: 16, arbitrary: fc.constant(route.action === 'agent:work' ? ('agent' as const) : ('admin' as const)) },
      { weight: 2, arbitrary: fc.constant('member' as const) },
      { weight: 1, arbitrary: fc.constantFrom('nobody' as const, 'wrong' as const) },
    ),
  })
}

/** Changes of what is there are the rarer and the more telling ones. */
export const hostileRequest: fc.Arbitrary<HostileRequest> = fc.oneof(
  ...apiRoutes.map((route) => ({ weight: route.method === 'get' ? 1 : 2, arbitrary: requestOf(route) })),
)

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}
