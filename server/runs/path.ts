import { problem } from '../../shared/errors.ts'
import type { Context } from '../route.ts'
import { type RunSubject, runById } from './subject.ts'

export const runsRoot = '/app/:organization_name/workspaces/:workspace_name/runs'
export const runRoot = `${runsRoot}/:run_id`

/** The run, when it is of the workspace that the path names. */
export async function runOfPath(ctx: Context): Promise<RunSubject> {
  const subject = await runById(ctx)
  const same = (a: string, b: string | undefined) => a.toLowerCase() === b?.toLowerCase()
  const { run } = subject
  if (
    !same(run.organization_name, ctx.params.organization_name) ||
    !same(run.workspace_name, ctx.params.workspace_name)
  )
    throw problem('not_found')
  return subject
}
