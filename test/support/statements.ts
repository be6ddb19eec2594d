import type { TestServer } from './server.ts'

const counted = new Set<PropertyKey>(['any', 'one', 'oneFirst', 'maybeOne', 'maybeOneFirst', 'many', 'query'])

/** How many SQL statements outside of transactions the work needs. Nothing else may use the server meanwhile. */
export async function countStatements({ app }: TestServer, work: () => Promise<unknown>): Promise<number> {
  const real = app.db
  let count = 0
  app.db = new Proxy(real, {
    get(target, name) {
      if (counted.has(name)) count++
      return Reflect.get(target, name)
    },
  })
  try {
    await work()
  } finally {
    app.db = real
  }
  return count
}
