import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isAlive } from './agents.ts'

export const AgentPoolRow = z.object({
  id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  name: z.string(),
  organization_scoped: z.boolean(),
  concurrent_run_limit: z.number().nullable(),
  created_at: z.date(),
  agent_count: z.number(),
  workspace_ids: z.array(z.string()),
  allowed_workspace_ids: z.array(z.string()),
  excluded_workspace_ids: z.array(z.string()),
  allowed_project_ids: z.array(z.string()),
})
export type AgentPool = z.output<typeof AgentPoolRow>

/** Conditions on workspaces `w` and projects `p` that hold for what the caller sees: only those are named. */
export interface Visible {
  workspaces: FragmentSqlToken
  projects: FragmentSqlToken
}

const columns = (visible: Visible) => sql.fragment`
  a.id, a.organization_id, o.name as organization_name, a.name, a.organization_scoped, a.concurrent_run_limit, a.created_at,
  (select count(*)::int from agents ag where ag.agent_pool_id = a.id and ${isAlive}) as agent_count,
  array(
    select w.id
    from workspaces w
    where w.agent_pool_id = a.id and ${visible.workspaces}
    order by w.id) as workspace_ids,
  array(
    select w.id
    from agent_pool_workspaces r
    join workspaces w on w.id = r.workspace_id
    where r.agent_pool_id = a.id and r.relation = 'allowed' and ${visible.workspaces}
    order by w.id) as allowed_workspace_ids,
  array(
    select w.id
    from agent_pool_workspaces r
    join workspaces w on w.id = r.workspace_id
    where r.agent_pool_id = a.id and r.relation = 'excluded' and ${visible.workspaces}
    order by w.id) as excluded_workspace_ids,
  array(
    select p.id
    from agent_pool_projects r
    join projects p on p.id = r.project_id
    where r.agent_pool_id = a.id and ${visible.projects}
    order by p.id) as allowed_project_ids`

const tables = sql.fragment`
  agent_pools a
  join organizations o on o.id = a.organization_id and o.deleted_at is null`

const ScopeRow = z.object({ id: z.string(), organization_id: z.string(), name: z.string() })

export const selectOptionalAgentPoolScope = (tx: Tx, id: string) =>
  tx.maybeOne(sql.type(ScopeRow)`
    select a.id, a.organization_id, a.name
    from ${tables}
    where a.id = ${id}`)

export const selectAgentPool = (tx: Tx, id: string, visible: Visible) =>
  tx.one(sql.type(AgentPoolRow)`
    select ${columns(visible)}
    from ${tables}
    where a.id = ${id}`)

export interface AgentPoolFilter {
  q: string | null
  /** Pools that the workspace or project of this name may use. */
  allowedWorkspaceName: string | null
  allowedProjectName: string | null
  sort: 'name' | '-name' | 'created-at' | '-created-at'
}

const orders: Record<AgentPoolFilter['sort'], FragmentSqlToken> = {
  name: sql.fragment`lower(a.name), a.id`,
  '-name': sql.fragment`lower(a.name) desc, a.id`,
  'created-at': sql.fragment`a.created_at, a.id`,
  '-created-at': sql.fragment`a.created_at desc, a.id`,
}

export async function selectAgentPoolsPage(
  tx: Tx,
  organizationId: string,
  visible: Visible,
  filter: AgentPoolFilter,
  page: { size: number; offset: number },
) {
  const { q, allowedWorkspaceName: workspace, allowedProjectName: project } = filter
  const where = sql.fragment`
    a.organization_id = ${organizationId}
    and (${q}::text is null or strpos(lower(a.name), lower(${q})) > 0)
    and (${workspace}::text is null or exists (
      select 1
      from workspaces w
      where w.organization_id = a.organization_id and lower(w.name) = lower(${workspace})
        and ${visible.workspaces} and ${allows}))
    and (${project}::text is null or a.organization_scoped or exists (
      select 1
      from agent_pool_projects r
      join projects p on p.id = r.project_id
      where r.agent_pool_id = a.id and lower(p.name) = lower(${project}) and ${visible.projects}))`
  const rows = await tx.any(sql.type(AgentPoolRow)`
    select ${columns(visible)}
    from ${tables}
    where ${where}
    order by ${orders[filter.sort]}
    limit ${page.size} offset ${page.offset}`)
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from ${tables}
    where ${where}`)
  return { rows, totalCount: count }
}

/** Whether pool `a` may execute runs of workspace `w`. */
const allows = sql.fragment`
  not exists (
    select 1 from agent_pool_workspaces r
    where r.agent_pool_id = a.id and r.workspace_id = w.id and r.relation = 'excluded')
  and (a.organization_scoped
    or exists (
      select 1 from agent_pool_workspaces r
      where r.agent_pool_id = a.id and r.workspace_id = w.id and r.relation = 'allowed')
    or exists (
      select 1 from agent_pool_projects r
      where r.agent_pool_id = a.id and r.project_id = w.project_id))`

/** null: there is no such pool in the workspace's organization. */
export async function poolAllows(tx: Tx, agentPoolId: string, workspaceId: string): Promise<boolean | null> {
  const row = await tx.maybeOne(sql.type(z.object({ allowed: z.boolean() }))`
    select ${allows} as allowed
    from agent_pools a
    join workspaces w on w.organization_id = a.organization_id
    where a.id = ${agentPoolId} and w.id = ${workspaceId}`)
  return row?.allowed ?? null
}

const UseRow = z.object({ workspaces: z.number(), runs: z.number(), is_default: z.boolean() })

/** What would be left without agents if the pool went. */
export const selectUseOfAgentPool = (tx: Tx, id: string) =>
  tx.one(sql.type(UseRow)`
    select (select count(*)::int from workspaces w where w.agent_pool_id = ${id}) as workspaces,
      (select count(*)::int from runs r where r.agent_pool_id = ${id} and r.finished_at is null) as runs,
      exists (
        select 1
        from agent_pools a
        join organizations o on o.id = a.organization_id
        where a.id = ${id} and (
          o.settings ->> 'default-agent-pool-id' = ${id}
          or exists (
            select 1
            from projects p
            where p.organization_id = o.id and p.settings ->> 'default-agent-pool-id' = ${id}))) as is_default`)
