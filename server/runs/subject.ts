import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { type Run, selectOptionalRun } from '../../shared/runs/queries.ts'
import type { Context, Subject } from '../route.ts'

export interface RunSubject extends Subject {
  run: Run
}

export async function runById(ctx: Context): Promise<RunSubject> {
  const id = ctx.params.run_id!
  const run = looksLikeId(id, 'run') ? await selectOptionalRun(ctx.app.db, id) : null
  if (!run) throw problem('not_found')
  return {
    run,
    scope: { organizationId: run.organization_id, projectId: run.project_id, workspaceId: run.workspace_id },
  }
}
