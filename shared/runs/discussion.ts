import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** What happened to a run and what people said about it. */
export const RunEventRow = z.object({
  id: z.string(),
  run_id: z.string(),
  action: z.string(),
  description: z.string(),
  actor_user_id: z.string().nullable(),
  comment_id: z.string().nullable(),
  created_at: z.date(),
})
export type RunEvent = z.output<typeof RunEventRow>

const eventColumns = sql.fragment`e.id, e.run_id, e.action, e.description, e.actor_user_id, e.comment_id, e.created_at`

export const selectRunEvents = (tx: Tx, runIds: readonly string[]) =>
  tx.any(sql.type(RunEventRow)`
    select ${eventColumns}
    from run_events e
    where e.run_id = any(${sql.array([...runIds], 'text')})
    order by e.created_at, e.id`)

export const selectOptionalRunEvent = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(RunEventRow)`
    select ${eventColumns}
    from run_events e
    where e.id = ${id}`)

export const CommentRow = z.object({
  id: z.string(),
  run_id: z.string(),
  body: z.string(),
  created_by: z.string().nullable(),
  created_at: z.date(),
  run_event_id: z.string().nullable(),
})
export type Comment = z.output<typeof CommentRow>

const commentColumns = sql.fragment`
  c.id, c.run_id, c.body, c.created_by, c.created_at,
  (select e.id from run_events e where e.comment_id = c.id limit 1) as run_event_id`

export const selectComments = (tx: Tx, runIds: readonly string[]) =>
  tx.any(sql.type(CommentRow)`
    select ${commentColumns}
    from comments c
    where c.run_id = any(${sql.array([...runIds], 'text')})
    order by c.created_at, c.id`)

/** Comments by id, in no order; for includes. */
export const selectCommentsById = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(CommentRow)`
    select ${commentColumns}
    from comments c
    where c.id = any(${sql.array([...ids], 'text')})`)

export const selectOptionalComment = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(CommentRow)`
    select ${commentColumns}
    from comments c
    where c.id = ${id}`)
