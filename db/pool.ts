import {
  type CommonQueryMethods,
  createPool,
  createTypeParserPreset,
  type DatabasePool,
  type Interceptor,
  SchemaValidationError,
} from 'slonik'
import { preparedStatements } from './prepared.ts'

export type Pool = DatabasePool
/** A transaction, or the pool: whatever a query can run on. */
export type Tx = CommonQueryMethods

/** Slonik checks nothing by default: this makes every row pass the schema its statement names. */
const checkRows: Interceptor = {
  name: 'check-rows',
  transformRow: ({ resultParser }, query, row) => {
    if (!resultParser) return row
    const parsed = (
      resultParser as unknown as {
        safeParse: (v: unknown) => { success: boolean; data?: unknown; error?: { issues: unknown[] } }
      }
    ).safeParse(row)
    if (!parsed.success) throw new SchemaValidationError(query, row as never, (parsed.error?.issues ?? []) as never)
    return parsed.data as typeof row
  },
}

/** Times arrive as Date, int8 as number (no column of ours passes 2^53), everything else as slonik's presets say. */
const parsers = [
  ...createTypeParserPreset().filter((p) => !['timestamptz', 'timestamp', 'int8'].includes(p.name)),
  { name: 'timestamptz', parse: (v: string | null) => (v === null ? null : new Date(v)) },
  { name: 'int8', parse: (v: string | null) => (v === null ? null : Number(v)) },
]

export interface PoolOptions {
  maxConnections: number
  /** They see every statement, after our own. */
  interceptors?: readonly Interceptor[]
}

export function openPool(url: string, options: PoolOptions): Promise<Pool> {
  return createPool(url, {
    maximumPoolSize: options.maxConnections,
    interceptors: [checkRows, preparedStatements(), ...(options.interceptors ?? [])],
    typeParsers: parsers as never,
    captureStackTrace: false,
    statementTimeout: 60_000,
    idleInTransactionSessionTimeout: 60_000,
    // nobody uses session state, so a connection goes back as it is (see stack facts: DISCARD ALL costs a round trip)
    resetConnection: async () => {},
  } as never)
}
