import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { newId } from '../ids.ts'
import { planEvaluations } from '../policies/plan-evaluations.ts'
import { type Stage, stages } from '../runs/stages.ts'

const DueRow = z.object({
  task_id: z.string(),
  workspace_task_id: z.string().nullable(),
  name: z.string(),
  url: z.string(),
  enforcement_level: z.string(),
  stages: z.array(z.enum(stages)),
})

/** Whether a run of the organization may have stages at all: most organizations have neither tasks nor policies. */
export const mayHaveStages = (organizationId: string) => sql.fragment`
  (exists (select 1 from tasks t where t.organization_id = ${organizationId})
    or exists (select 1 from policy_sets s where s.organization_id = ${organizationId}))`

/**
 * Decides which stages a new run has, by the run tasks and policies of this moment, so that clients see them from the
 * start and later changes do not touch the run. A run that is only planned has no stages around an apply.
 */
export async function planStages(
  app: App,
  tx: Tx,
  run: { id: string; planOnly: boolean },
  workspace: { id: string; organization_id: string; project_id: string },
): Promise<void> {
  const possible: readonly Stage[] = run.planOnly ? ['pre_plan', 'post_plan'] : stages
  const due = await tx.any(sql.type(DueRow)`
    select t.id as task_id, w.id as workspace_task_id, t.name, t.url,
      coalesce(w.enforcement_level, t.global_enforcement_level) as enforcement_level,
      coalesce(w.stages, t.global_stages) as stages
    from tasks t
    left join workspace_tasks w on w.task_id = t.id and w.workspace_id = ${workspace.id}
    where t.organization_id = ${workspace.organization_id} and t.enabled and (w.id is not null or t.global_enabled)
    order by t.created_at, t.id
    limit 100`)
  const ids = new Map<Stage, string>()
  const stageId = async (stage: Stage): Promise<string> => {
    const known = ids.get(stage)
    if (known) return known
    const id = newId('ts')
    await tx.query(sql.void`
      insert into task_stages (id, run_id, stage)
      values (${id}, ${run.id}, ${stage})`)
    ids.set(stage, id)
    return id
  }
  for (const stage of possible) {
    for (const task of due.filter((t) => t.stages.includes(stage))) {
      await tx.query(sql.void`
        insert into task_results (id, task_stage_id, run_id, task_id, workspace_task_id, task_name, task_url,
          enforcement_level)
        values (${newId('taskrs')}, ${await stageId(stage)}, ${run.id}, ${task.task_id}, ${task.workspace_task_id},
          ${task.name}, ${task.url}, ${task.enforcement_level})`)
    }
  }
  await planEvaluations(app, tx, workspace, () => stageId('post_plan'))
  if (ids.size === 0) return
  const inOrder = stages.filter((stage) => ids.has(stage))
  await tx.query(sql.void`update runs set stages = ${sql.array([...inOrder], 'text')} where id = ${run.id}`)
}
