import Koa from 'koa'
import { z } from 'zod'
import { openPool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** What a web process of this stack costs at least: Koa without middleware, one indexed query on our pool, JSON. */
const db = await openPool(process.env.DATABASE_URL!, { maxConnections: 8 })
const Row = z.object({ id: z.string(), name: z.string() })
const koa = new Koa()
koa.silent = true
koa.use(async (ctx) => {
  const row = await db.one(sql.type(Row)`
    select id, name
    from workspaces
    where id = ${ctx.path.slice(1)}`)
  ctx.type = 'application/vnd.api+json'
  ctx.body = JSON.stringify({ data: { id: row.id, type: 'workspaces', attributes: { name: row.name } } })
})
const server = koa.listen(Number(process.env.PORT), '127.0.0.1')
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  void db.end().then(() => process.exit(0))
})
