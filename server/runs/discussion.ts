import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { addComment } from '../../shared/runs/actions.ts'
import {
  type Comment,
  type RunEvent,
  selectComments,
  selectOptionalComment,
  selectOptionalRunEvent,
  selectRunEvents,
} from '../../shared/runs/discussion.ts'
import { many, one } from '../jsonapi/answer.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { comment, runEvent } from './discussion-json.ts'
import { runById } from './subject.ts'

export const discussion = new Routes('/api/v2')

// Not paged: clients read them in one piece.
discussion.get('/runs/:run_id/run-events', { action: 'run:read', subject: runById }, async (ctx) =>
  many(runEvent, await selectRunEvents(ctx.app.db, [ctx.subject.run.id]), ctx),
)

const ofRun = async <T extends { run_id: string }>(ctx: Context, row: T | null): Promise<Subject & { row: T }> => {
  if (!row) throw problem('not_found')
  const { scope } = await runById({ ...ctx, params: { run_id: row.run_id } })
  return { row, scope }
}

discussion.get(
  '/run-events/:run_event_id',
  {
    action: 'run:read',
    subject: async (ctx): Promise<Subject & { row: RunEvent }> => {
      const id = ctx.params.run_event_id!
      return ofRun(ctx, looksLikeId(id, 're') ? await selectOptionalRunEvent(ctx.app.db, id) : null)
    },
  },
  (ctx) => one(runEvent, ctx.subject.row, ctx),
)

discussion.get('/runs/:run_id/comments', { action: 'run:read', subject: runById }, async (ctx) =>
  many(comment, await selectComments(ctx.app.db, [ctx.subject.run.id]), ctx),
)

const Body = z.object({ body: z.string('is required').min(1, "can't be blank").max(20_000) })

discussion.post(
  '/runs/:run_id/comments',
  { action: 'run:comment', subject: runById, attributes: Body, answers: 201 },
  async (ctx) => {
    const id = await addComment(ctx.app, ctx.subject.run.id, ctx.input.attributes.body, userIdOf(ctx.actor))
    return one(comment, (await selectOptionalComment(ctx.app.db, id))!, ctx)
  },
)

discussion.get(
  '/comments/:id',
  {
    action: 'run:read',
    subject: async (ctx): Promise<Subject & { row: Comment }> => {
      const id = ctx.params.id!
      return ofRun(ctx, looksLikeId(id, 'wsc') ? await selectOptionalComment(ctx.app.db, id) : null)
    },
  },
  (ctx) => one(comment, ctx.subject.row, ctx),
)

// Policy checks are Sentinel's of old; policies are evaluated in the run's task stages here.
discussion.get('/runs/:run_id/policy-checks', { action: 'run:read', subject: runById }, async () => ({
  data: [],
}))
