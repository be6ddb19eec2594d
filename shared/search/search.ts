import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/** Conditions under which the caller sees workspaces `w` and projects `p`, over all of their organizations. */
export interface Seen {
  organizations: FragmentSqlToken
  workspaces: FragmentSqlToken
  projects: FragmentSqlToken
}

const FoundRow = z.object({
  kind: z.enum(['workspace', 'run', 'project', 'varset', 'team', 'module', 'resource', 'variable']),
  id: z.string(),
  name: z.string(),
  /** a second line */
  about: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  project_id: z.string().nullable(),
  workspace_id: z.string().nullable(),
  workspace_name: z.string().nullable(),
})
export type Found = z.output<typeof FoundRow>

const contains = (text: FragmentSqlToken, q: string) => sql.fragment`strpos(lower(${text}), lower(${q})) > 0`
/** What begins with the text stands before what only holds it. */
const order = (text: FragmentSqlToken, q: string) => sql.fragment`strpos(lower(${text}), lower(${q})), lower(${text})`

const workspaces = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select 'workspace' as kind, w.id, w.name, w.description as about, w.organization_id, o.name as organization_name,
      w.project_id, w.id as workspace_id, w.name as workspace_name
    from workspaces w
    join organizations o on o.id = w.organization_id and o.deleted_at is null
    where ${seen.workspaces} and (w.id = ${q} or ${contains(sql.fragment`w.name`, q)})
    order by ${order(sql.fragment`w.name`, q)}
    limit ${limit}`)

const projects = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select 'project' as kind, p.id, p.name, p.description as about, p.organization_id,
      o.name as organization_name, p.id as project_id, null as workspace_id, null as workspace_name
    from projects p
    join organizations o on o.id = p.organization_id and o.deleted_at is null
    where ${seen.projects} and (p.id = ${q} or ${contains(sql.fragment`p.name`, q)})
    order by ${order(sql.fragment`p.name`, q)}
    limit ${limit}`)

const inOrganization = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select x.kind, x.id, x.name, x.about, x.organization_id, o.name as organization_name,
      null as project_id, null as workspace_id, null as workspace_name
    from (
      select 'varset' as kind, id, name, description as about, organization_id from varsets
      union all
      select 'team', id, name, '', organization_id from teams where visibility = 'organization'
      union all
      select 'module', id, name || '/' || provider, coalesce(namespace, ''), organization_id from registry_modules
    ) x
    join organizations o on o.id = x.organization_id and o.deleted_at is null
    where ${seen.organizations} and (x.id = ${q} or ${contains(sql.fragment`x.name`, q)})
    order by ${order(sql.fragment`x.name`, q)}
    limit ${limit}`)

/** By id, by commit, or by a word of the message, the newest first among recent ones. */
const runs = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select 'run' as kind, r.id, coalesce(nullif(split_part(r.message, E'\n', 1), ''), 'Run ' || r.number) as name,
      w.name || ', run ' || r.number as about, w.organization_id, o.name as organization_name,
      w.project_id, w.id as workspace_id, w.name as workspace_name
    from (
      select r.*
      from runs r
      where r.id = ${q}
      union all
      (select r.*
      from runs r
      join organizations o on o.id = r.organization_id
      where ${seen.organizations} and length(${q}) >= 3 and ${contains(sql.fragment`r.message`, q)} and r.id <> ${q}
        and r.created_at > now() - interval '90 days'
      order by r.created_at desc
      limit ${limit * 5})) r
    join workspaces w on w.id = r.workspace_id
    join organizations o on o.id = w.organization_id and o.deleted_at is null
    where ${seen.workspaces}
    order by r.created_at desc
    limit ${limit}`)

/** Resources of present states, by address. */
const resources = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select 'resource' as kind, s.id, s.address as name, w.name as about, w.organization_id, o.name as organization_name,
      w.project_id, w.id as workspace_id, w.name as workspace_name
    from workspaces w
    join organizations o on o.id = w.organization_id and o.deleted_at is null
    join state_resources s on s.state_version_id = w.current_state_version_id
    where ${seen.workspaces} and length(${q}) >= 3 and ${contains(sql.fragment`s.address`, q)}
    order by s.address
    limit ${limit}`)

const variables = (tx: Tx, seen: Seen, q: string, limit: number) =>
  tx.any(sql.type(FoundRow)`
    select 'variable' as kind, v.id, v.key as name, w.name as about, w.organization_id, o.name as organization_name,
      w.project_id, w.id as workspace_id, w.name as workspace_name
    from variables v
    join workspaces w on w.id = v.workspace_id
    join organizations o on o.id = w.organization_id and o.deleted_at is null
    where ${seen.workspaces} and ${contains(sql.fragment`v.key`, q)}
    order by lower(v.key), lower(w.name)
    limit ${limit}`)

/** Everything that the text names, a few of each kind. Whether the caller may open each is not asked here. */
export async function search(tx: Tx, seen: Seen, q: string, ofEach: number): Promise<Found[]> {
  const found: Found[] = []
  for (const find of [workspaces, runs, projects, inOrganization, variables, resources])
    found.push(...(await find(tx, seen, q, ofEach)))
  return found
}
