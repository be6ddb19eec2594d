import type { TestServer } from './server.ts'

export interface Statement {
  sql: string
  values: readonly unknown[]
}

const counted = new Set<PropertyKey>(['any', 'one', 'oneFirst', 'maybeOne', 'maybeOneFirst', 'many', 'query'])

/** The SQL statements outside of transactions that the work needs. Nothing else may use the server meanwhile. */
export async function statementsOf({ app }: TestServer, work: () => Promise<unknown>): Promise<Statement[]> {
  const real = app.db
  const statements: Statement[] = []
  app.db = new Proxy(real, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (!counted.has(name)) return value
      return (statement: Statement, ...more: unknown[]) => {
        statements.push(statement)
        return (value as (...given: unknown[]) => unknown).call(target, statement, ...more)
      }
    },
  })
  try {
    await work()
  } finally {
    app.db = real
  }
  return statements
}

/** How many they are. */
export const countStatements = async (server: TestServer, work: () => Promise<unknown>): Promise<number> =>
  (await statementsOf(server, work)).length
