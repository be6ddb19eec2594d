import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { stages } from '../runs/stages.ts'

const Enforcement = z.enum(['advisory', 'mandatory'])

export const TaskRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  description: z.string(),
  url: z.string(),
  category: z.string(),
  hmac_key: z.instanceof(Buffer).nullable(),
  enabled: z.boolean(),
  global_enabled: z.boolean(),
  global_stages: z.array(z.enum(stages)),
  global_enforcement_level: Enforcement,
  workspace_task_ids: z.array(z.string()),
  created_at: z.date(),
  updated_at: z.date(),
})
export type Task = z.output<typeof TaskRow>

const columns = sql.fragment`
  t.id, t.organization_id, o.name as organization_name, t.name, t.description, t.url, t.category, t.hmac_key, t.enabled,
  t.global_enabled, t.global_stages, t.global_enforcement_level, t.created_at, t.updated_at,
  array(
    select w.id from workspace_tasks w
    where w.task_id = t.id order by w.created_at, w.id limit 1000) as workspace_task_ids`
const tables = sql.fragment`
  tasks t
  join organizations o on o.id = t.organization_id and o.deleted_at is null`

export const selectOptionalTask = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(TaskRow)`
    select ${columns}
    from ${tables}
    where t.id = ${id}`)

export const selectTasks = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(TaskRow)`
    select ${columns}
    from ${tables}
    where t.id = any(${sql.array([...ids], 'text')})`)

const CountRow = z.object({ count: z.number() })

export async function selectTasksOfOrganization(
  tx: Tx,
  organizationId: string,
  page: { size: number; offset: number },
) {
  const rows = await tx.any(sql.type(TaskRow)`
    select ${columns}
    from ${tables}
    where t.organization_id = ${organizationId}
    order by lower(t.name), t.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(CountRow)`
    select count(*)::int as count
    from tasks t
    where t.organization_id = ${organizationId}`)
  return { rows, totalCount }
}

export const WorkspaceTaskRow = z.object({
  id: z.string(),
  workspace_id: z.string(),
  task_id: z.string(),
  enforcement_level: Enforcement,
  stages: z.array(z.enum(stages)),
  created_at: z.date(),
  updated_at: z.date(),
})
export type WorkspaceTask = z.output<typeof WorkspaceTaskRow>

const attached = sql.fragment`w.id, w.workspace_id, w.task_id, w.enforcement_level, w.stages, w.created_at, w.updated_at`

export const selectOptionalWorkspaceTask = (tx: Tx, workspaceId: string, id: string) =>
  tx.maybeOne(sql.type(WorkspaceTaskRow)`
    select ${attached}
    from workspace_tasks w
    where w.id = ${id} and w.workspace_id = ${workspaceId}`)

export const selectWorkspaceTasks = (tx: Tx, ids: readonly string[]) =>
  tx.any(sql.type(WorkspaceTaskRow)`
    select ${attached}
    from workspace_tasks w
    where w.id = any(${sql.array([...ids], 'text')})
    order by w.created_at, w.id`)

/** Those of a workspace, or all places where a task is attached. */
export async function selectWorkspaceTasksOf(
  tx: Tx,
  of: { workspaceId: string } | { taskId: string },
  page: { size: number; offset: number },
) {
  const where =
    'taskId' in of ? sql.fragment`w.task_id = ${of.taskId}` : sql.fragment`w.workspace_id = ${of.workspaceId}`
  const rows = await tx.any(sql.type(WorkspaceTaskRow)`
    select ${attached}
    from workspace_tasks w
    where ${where}
    order by w.created_at, w.id
    limit ${page.size} offset ${page.offset}`)
  const totalCount = await tx.oneFirst(sql.type(CountRow)`
    select count(*)::int as count
    from workspace_tasks w
    where ${where}`)
  return { rows, totalCount }
}
