// Source: shared/api/run-lifecycle.md 5. Bodies are plain JSON: {} or {"comment": "…"}.
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import type { App } from '../../shared/app.ts'
import { problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import {
  type By,
  cancelRun,
  confirmRun,
  discardRun,
  forceCancelRun,
  forceExecuteRun,
} from '../../shared/runs/actions.ts'
import { Routes } from '../route.ts'
import { runById } from './subject.ts'

export const runActionRoutes = new Routes('/api/v2')

const Body = z.object({ comment: z.string().max(20_000).nullish() })

const table: [name: string, action: Action, act: (app: App, runId: string, by: By) => Promise<void>][] = [
  ['apply', 'run:apply', confirmRun],
  ['discard', 'run:discard', discardRun],
  ['cancel', 'run:cancel', cancelRun],
  ['force-cancel', 'run:force-cancel', forceCancelRun],
  ['force-execute', 'run:force-execute', forceExecuteRun],
]

for (const [name, action, act] of table) {
  runActionRoutes.post(
    `/runs/:run_id/actions/${name}`,
    { action, subject: runById, plainBody: true, answers: 202 },
    async ({ app, actor, input, subject }) => {
      const body = Body.safeParse(input.raw ?? {})
      if (!body.success)
        throw problem('bad_request', 'The body is {} or {"comment": "…"} with a comment of at most 20,000 characters.')
      await act(app, subject.run.id, { userId: userIdOf(actor), comment: body.data.comment || undefined })
    },
  )
}
