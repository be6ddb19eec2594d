// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/runs
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { problem } from '../../shared/errors.ts'
import { endRun } from '../../shared/runs/actions.ts'
import { selectSiteRunsPage } from '../../shared/site/runs.ts'
import { many } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { listOf, textOf } from '../jsonapi/query.ts'
import { type Context, Routes } from '../route.ts'
import { run } from '../runs/json.ts'

export const adminRuns = new Routes('/api/v2/admin')

/** @throws problem 'bad_request' */
function timeOf(ctx: Context, name: string): Date | null {
  const text = textOf(ctx, name)
  if (text === undefined) return null
  const parsed = z.iso.datetime({ offset: true }).safeParse(text)
  if (!parsed.success) throw problem('bad_request', `${name} is not a time as RFC 3339 writes it.`)
  return new Date(parsed.data)
}

adminRuns.get('/runs', { action: 'site:admin' }, async (ctx) => {
  const page = pageOf(ctx)
  const filter = {
    statuses: listOf(ctx, 'filter[status]'),
    from: timeOf(ctx, 'filter[from]'),
    to: timeOf(ctx, 'filter[to]'),
    q: textOf(ctx, 'q'),
  }
  const { rows, totalCount } = await selectSiteRunsPage(ctx.app.db, filter, page)
  return many(run, rows, ctx, { page, totalCount })
})

const Comment = z.object({ comment: z.string().max(20_000).nullish() })

adminRuns.post(
  '/runs/:run_id/actions/force-cancel',
  { action: 'site:admin', plainBody: true, answers: 202 },
  async (ctx) => {
    const comment = Comment.safeParse(ctx.input.raw ?? {}).data?.comment ?? undefined
    await endRun(ctx.app, ctx.params.run_id!, { userId: userIdOf(ctx.actor), comment })
  },
)
