import { selectTasks, selectWorkspaceTasks, type Task, type WorkspaceTask } from '../../shared/tasks/queries.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { defineResource, type ResourceDefinition, toMany, toOne } from '../jsonapi/document.ts'
import { workspace } from '../workspaces/json.ts'

/** The HMAC key is never shown again. */
export const task: ResourceDefinition<Task> = defineResource<Task>({
  type: 'tasks',
  id: (t) => t.id,
  attributes: (t) => ({
    name: t.name,
    description: t.description,
    url: t.url,
    category: t.category,
    'hmac-key': null,
    enabled: t.enabled,
    'global-configuration': {
      enabled: t.global_enabled,
      stages: t.global_stages,
      'enforcement-level': t.global_enforcement_level,
    },
    'created-at': t.created_at,
    'updated-at': t.updated_at,
  }),
  relationships: (t) => ({
    organization: toOne('organizations', t.organization_name),
    'workspace-tasks': toMany('workspace-tasks', t.workspace_task_ids),
    'agent-pool': { data: null },
  }),
  links: (t) => ({ self: `/api/v2/tasks/${t.id}` }),
  includes: {
    'workspace-tasks': async (rows, { app }) => ({
      resource: workspaceTask,
      rows: await selectWorkspaceTasks(
        app.db,
        rows.flatMap((t) => t.workspace_task_ids),
      ),
    }),
    'workspace-tasks.workspace': async (rows, { app }) => {
      const attached = await selectWorkspaceTasks(
        app.db,
        rows.flatMap((t) => t.workspace_task_ids),
      )
      const workspaces = await selectWorkspaces(
        app.db,
        attached.map((w) => w.workspace_id),
      )
      return [
        { resource: workspaceTask, rows: attached },
        { resource: workspace, rows: workspaces },
      ]
    },
  },
})

export const workspaceTask: ResourceDefinition<WorkspaceTask> = defineResource<WorkspaceTask>({
  type: 'workspace-tasks',
  id: (w) => w.id,
  attributes: (w) => ({
    'enforcement-level': w.enforcement_level,
    stage: w.stages[0],
    stages: w.stages,
    'created-at': w.created_at,
    'updated-at': w.updated_at,
  }),
  relationships: (w) => ({ task: toOne('tasks', w.task_id), workspace: toOne('workspaces', w.workspace_id) }),
  links: (w) => ({ self: `/api/v2/workspaces/${w.workspace_id}/tasks/${w.id}` }),
  includes: {
    task: async (rows, { app }) => ({
      resource: task,
      rows: await selectTasks(
        app.db,
        rows.map((w) => w.task_id),
      ),
    }),
    workspace: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(
        app.db,
        rows.map((w) => w.workspace_id),
      ),
    }),
  },
})
