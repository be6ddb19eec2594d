import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** What is asked of the current states of an organization. Texts are looked for anywhere in a name, without case. */
export interface ExplorerFilter {
  organizationId: string
  /** A condition on workspaces `w`. */
  readable: FragmentSqlToken
  name: string
  provider: string
  module: string
  type: string
  /** Whole: `1.11.4`. */
  version: string
}

const states = sql.fragment`
  workspaces w
  join projects p on p.id = w.project_id
  left join state_versions s on s.id = w.current_state_version_id`

/** `provider["registry.opentofu.org/hashicorp/aws"].west` → `registry.opentofu.org/hashicorp/aws` */
const providerName = sql.fragment`coalesce(substring(e.key from '"([^"]+)"'), e.key)`

/** Counts of a state name types with dashes, as HCP does; people know them as `aws_instance`. */
const typeName = (name: FragmentSqlToken) => sql.fragment`lower(replace(${name}, '-', '_'))`

function conditions(filter: ExplorerFilter): FragmentSqlToken {
  const parts = [sql.fragment`w.organization_id = ${filter.organizationId}`, filter.readable]
  if (filter.name) parts.push(sql.fragment`strpos(lower(w.name), lower(${filter.name})) > 0`)
  if (filter.provider)
    parts.push(sql.fragment`exists (
      select 1 from jsonb_object_keys(s.providers) as x (name) where strpos(lower(x.name), lower(${filter.provider})) > 0)`)
  if (filter.module)
    parts.push(sql.fragment`exists (
      select 1 from jsonb_object_keys(s.modules) as x (name) where strpos(lower(x.name), lower(${filter.module})) > 0)`)
  if (filter.type)
    parts.push(sql.fragment`exists (
      select 1
      from jsonb_each(s.providers) e
      cross join lateral jsonb_object_keys(e.value) as x (name)
      where strpos(${typeName(sql.fragment`x.name`)}, lower(${filter.type})) > 0)`)
  if (filter.version) parts.push(sql.fragment`s.engine_version = ${filter.version}`)
  return sql.join(parts, sql.fragment` and `) as unknown as FragmentSqlToken
}

const WorkspaceRow = z.object({
  id: z.string(),
  name: z.string(),
  project_name: z.string(),
  engine: z.string(),
  engine_version: z.string(),
  state_engine_version: z.string(),
  resource_count: z.number(),
  provider_count: z.number(),
  module_count: z.number(),
  state_at: z.date().nullable(),
})

const orders = {
  name: sql.fragment`lower(w.name), w.id`,
  '-resources': sql.fragment`w.resource_count desc, lower(w.name), w.id`,
  '-state': sql.fragment`s.created_at desc nulls last, lower(w.name), w.id`,
  state: sql.fragment`s.created_at, lower(w.name), w.id`,
} as const
export type ExplorerSort = keyof typeof orders
export const explorerSorts = Object.keys(orders) as ExplorerSort[]

/** One more than `size` when there are more. */
export const selectExplorerWorkspaces = (
  tx: Tx,
  filter: ExplorerFilter,
  sort: ExplorerSort,
  page: { size: number; offset: number },
) =>
  tx.any(sql.type(WorkspaceRow)`
    select w.id, w.name, p.name as project_name, w.engine, w.engine_version,
      coalesce(s.engine_version, '') as state_engine_version, w.resource_count,
      (select count(distinct ${providerName})::int from jsonb_each(s.providers) e) as provider_count,
      (select count(*)::int from jsonb_object_keys(s.modules) as key where key <> 'root') as module_count,
      s.created_at as state_at
    from ${states}
    where ${conditions(filter)}
    order by ${orders[sort]}
    limit ${page.size + 1} offset ${page.offset}`)

const GroupRow = z.object({ name: z.string(), workspaces: z.number(), resources: z.number() })

const groups = {
  providers: sql.fragment`
    select ${providerName} as name, w.id, (select coalesce(sum(t.value::int), 0) from jsonb_each_text(e.value) t) as n
    from base w
    cross join lateral jsonb_each(w.providers) e`,
  modules: sql.fragment`
    select e.key as name, w.id, (select coalesce(sum(t.value::int), 0) from jsonb_each_text(e.value) t) as n
    from base w
    cross join lateral jsonb_each(w.modules) e
    where e.key <> 'root'`,
  types: sql.fragment`
    select ${typeName(sql.fragment`t.key`)} as name, w.id, t.value::int as n
    from base w
    cross join lateral jsonb_each(w.providers) e
    cross join lateral jsonb_each_text(e.value) t`,
  engines: sql.fragment`
    select w.state_engine_version as name, w.id, w.resource_count as n
    from base w
    where w.state_engine_version <> ''`,
} as const
export type ExplorerGroup = keyof typeof groups

/** How many workspaces have it and how many resources it stands for, the most used first. */
export const selectExplorerGroups = (
  tx: Tx,
  filter: ExplorerFilter,
  group: ExplorerGroup,
  page: { size: number; offset: number },
) =>
  tx.any(sql.type(GroupRow)`
    with base as (
      select w.id, w.resource_count, s.engine_version as state_engine_version, s.providers, s.modules
      from ${states}
      where ${conditions(filter)} and s.id is not null)
    select g.name, count(distinct g.id)::int as workspaces, sum(g.n)::int as resources
    from (${groups[group]}) g
    group by g.name
    order by workspaces desc, resources desc, g.name
    limit ${page.size + 1} offset ${page.offset}`)
