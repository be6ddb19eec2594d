import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Schema } from '../hostile/values.ts'

/**
 * The official description of the API (`openapi-tfe.json`, taken from go-tfe, MPL-2.0), without its prose. Its paths lack
 * `/api/v2`; it knows no registry protocol and no admin API.
 */
// biome-ignore lint/suspicious/noExplicitAny: a document of every shape
export const description: any = JSON.parse(readFileSync(join(import.meta.dirname, 'openapi-tfe.json'), 'utf8'))

export interface Operation {
  method: string
  /** As the description writes it, `/workspaces/{workspace_id}`. */
  path: string
  /** Names of query parameters. */
  query: string[]
  // biome-ignore lint/suspicious/noExplicitAny: see above
  raw: any
}

const methods = ['get', 'post', 'put', 'patch', 'delete']
const shape = (path: string): string => path.replaceAll(/:\w+|\{\w+\}/g, '{}')

// biome-ignore lint/suspicious/noExplicitAny: see above
const resolved = (value: any): any =>
  value?.$ref
    ? resolved(
        value.$ref
          .slice(2)
          .split('/')
          .reduce((at: never, key: string) => at[key], description),
      )
    : value

export const operations: Operation[] = Object.entries<Record<string, unknown>>(description.paths).flatMap(
  ([path, item]) =>
    methods
      .filter((method) => Object.hasOwn(item, method))
      .map((method) => {
        // biome-ignore lint/suspicious/noExplicitAny: see above
        const raw = item[method] as any
        // biome-ignore lint/suspicious/noExplicitAny: see above
        const parameters: any[] = [...((item.parameters as any[]) ?? []), ...(raw.parameters ?? [])].map(resolved)
        return { method, path, raw, query: parameters.filter((p) => p.in === 'query').map((p) => p.name as string) }
      }),
)

const byShape = new Map(operations.map((operation) => [`${operation.method} ${shape(operation.path)}`, operation]))

/** The operation that a route of ours implements. @param path as `Route.path`, with `/api/v2` */
export const operationOf = (method: string, path: string): Operation | undefined =>
  path.startsWith('/api/v2') ? byShape.get(`${method} ${shape(path.slice('/api/v2'.length))}`) : undefined

/** Names of all query parameters. */
export const parametersOf = (): string[] => [...new Set(operations.flatMap((operation) => operation.query))]

// biome-ignore lint/suspicious/noExplicitAny: see above
const requestData = (operation: Operation): any => {
  const content = Object.values<{ schema?: unknown }>(operation.raw.requestBody?.content ?? {})[0]
  return resolved(resolved(content?.schema)?.properties?.data)
}

/** Properties of data.attributes of the request, flat enough to generate values from. */
export const requestSchemaOf = (operation: Operation): Record<string, Schema> =>
  resolved(requestData(operation)?.properties?.attributes)?.properties ?? {}

export const relationshipsOf = (operation: Operation): string[] =>
  Object.keys(resolved(requestData(operation)?.properties?.relationships)?.properties ?? {})
