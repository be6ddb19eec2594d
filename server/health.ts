import { z } from 'zod'
import { sql } from '../db/sql.ts'
import { Routes } from './route.ts'

export const health = new Routes()

/** Up or down and nothing else: anybody may ask. */
health.get('/healthz', { action: 'public:read' }, async ({ app, koa }) => {
  koa.type = 'text/plain'
  try {
    await app.db.one(sql.type(z.object({ one: z.number() }))`select 1 as one`)
    koa.body = 'up\n'
  } catch {
    koa.status = 503
    koa.body = 'down\n'
  }
})

/** Also that the schema is there and pg-boss answers. */
health.get('/readyz', { action: 'public:read' }, async ({ app, koa }) => {
  koa.type = 'text/plain'
  try {
    await app.db.one(sql.type(z.object({ queues: z.number() }))`
      select count(*)::int as queues
      from pgboss.queue, (select 1 from organizations limit 1) as migrated
      limit 1`)
    koa.body = 'up\n'
  } catch {
    koa.status = 503
    koa.body = 'down\n'
  }
})
