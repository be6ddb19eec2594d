import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'

const DueRow = z.object({ kind: z.enum(['opa', 'sentinel']), ids: z.array(z.string()) })

/**
 * Policy sets that apply to a workspace: global ones, its own and those of its project, less the exclusions; a set
 * without policies has nothing to say.
 */
export async function planEvaluations(
  app: App,
  tx: Tx,
  workspace: { id: string; organization_id: string; project_id: string },
  stageId: () => Promise<string>,
): Promise<void> {
  const due = await tx.any(sql.type(DueRow)`
    select s.kind, array_agg(s.id order by s.created_at, s.id) as ids
    from policy_sets s
    where s.organization_id = ${workspace.organization_id}
      and (s.is_global
        or exists (
          select 1 from policy_set_workspaces x
          where x.policy_set_id = s.id and x.workspace_id = ${workspace.id} and not x.excluded)
        or exists (
          select 1 from policy_set_projects x
          where x.policy_set_id = s.id and x.project_id = ${workspace.project_id} and not x.excluded))
      and not exists (
        select 1 from policy_set_workspaces x
        where x.policy_set_id = s.id and x.workspace_id = ${workspace.id} and x.excluded)
      and not exists (
        select 1 from policy_set_projects x
        where x.policy_set_id = s.id and x.project_id = ${workspace.project_id} and x.excluded)
      and (exists (select 1 from policy_set_policies x where x.policy_set_id = s.id)
        or exists (select 1 from policy_set_versions v where v.policy_set_id = s.id and v.status = 'ready'))
    group by s.kind`)
  for (const { kind, ids } of due) {
    await tx.query(sql.void`
      insert into policy_evaluations (id, task_stage_id, policy_kind, policy_set_ids, status_timestamps)
      values (${newId('poleval')}, ${await stageId()}, ${kind}, ${sql.array([...ids], 'text')}, ${sql.jsonb({ 'queued-at': app.now().toISOString() })})`)
  }
}
