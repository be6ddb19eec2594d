import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid } from '../errors.ts'
import { newId } from '../ids.ts'
import { type Stage, stages } from '../runs/stages.ts'
import type { WorkspaceTask } from './queries.ts'
import { Enforcement, Stages } from './tasks.ts'

export const WorkspaceTaskInput = z.object({
  'enforcement-level': Enforcement.optional(),
  /** the older form of `stages` */
  stage: z
    .enum(stages, `must be one of ${stages.join(', ')}`)
    .nullable()
    .optional(),
  stages: Stages.nullable().optional(),
})
export type WorkspaceTaskInput = z.output<typeof WorkspaceTaskInput>

function stagesOf(input: WorkspaceTaskInput, before: Stage[] | null): Stage[] {
  const given = input.stages ?? (input.stage ? [input.stage] : null) ?? before ?? ['post_plan']
  if (given.length === 0) throw invalid('stages', "Stages can't be blank")
  return [...new Set(given)]
}

/** @throws problem 'invalid_attribute' when the task is none of the organization or is attached already */
export async function attachTask(
  tx: Tx,
  workspace: { id: string; organization_id: string },
  taskId: string | null | undefined,
  input: WorkspaceTaskInput,
): Promise<string> {
  const task = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
    select id
    from tasks
    where id = ${taskId ?? ''} and organization_id = ${workspace.organization_id}`)
  if (!task) throw invalid('task', 'The run task does not exist in this organization')
  if (!input['enforcement-level']) throw invalid('enforcement-level', "Enforcement level can't be blank")
  const id = newId('wstask')
  try {
    await tx.query(sql.void`
      insert into workspace_tasks (id, workspace_id, task_id, enforcement_level, stages)
      values (${id}, ${workspace.id}, ${task.id}, ${input['enforcement-level']},
        ${sql.array(stagesOf(input, null), 'text')})`)
  } catch (error) {
    if (error instanceof UniqueIntegrityConstraintViolationError)
      throw invalid('task', 'The run task is attached to this workspace already')
    throw error
  }
  return id
}

export const changeAttachment = (tx: Tx, before: WorkspaceTask, input: WorkspaceTaskInput) =>
  tx.query(sql.void`
    update workspace_tasks
    set enforcement_level = ${input['enforcement-level'] ?? before.enforcement_level},
      stages = ${sql.array(stagesOf(input, before.stages), 'text')}, updated_at = now()
    where id = ${before.id}`)

export const detachTask = (tx: Tx, id: string) =>
  tx.query(sql.void`
    delete from workspace_tasks
    where id = ${id}`)
