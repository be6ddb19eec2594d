import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

const Policy = z.object({
  name: z.string(),
  description: z.string(),
  query: z.string(),
  enforcement_level: z.string(),
  content: z.string().nullable().optional(),
})

/** What is kept of an uploaded version: its policies and the files they are made of. */
export const VersionContents = z.object({
  policies: z.array(Policy.omit({ content: true })),
  files: z.record(z.string(), z.string()),
})
export type VersionContents = z.output<typeof VersionContents>

const SetRow = z.object({
  name: z.string(),
  description: z.string(),
  overridable: z.boolean(),
  policy_tool_version: z.string().nullable(),
  single: z.array(Policy),
  version: VersionContents.nullable(),
})

export interface DueSet {
  name: string
  description: string
  overridable: boolean
  /** The OPA that the set asks for; null: any. */
  policy_tool_version: string | null
  policies: z.output<typeof Policy>[]
  /** path → text of an uploaded version; null for a set of single policies, each with its own content */
  files: Record<string, string> | null
}

/** Sets that are deleted meanwhile are not there. An uploaded version counts before single policies. */
export async function selectDueSets(tx: Tx, ids: readonly string[]): Promise<DueSet[]> {
  const rows = await tx.any(sql.type(SetRow)`
    select s.name, s.description, s.overridable, s.policy_tool_version,
      coalesce((
        select jsonb_agg(jsonb_build_object('name', p.name, 'description', p.description, 'query', coalesce(p.query, ''),
          'enforcement_level', p.enforcement_level, 'content', p.content) order by lower(p.name))
        from policy_set_policies x
        join policies p on p.id = x.policy_id
        where x.policy_set_id = s.id), '[]') as single,
      (
        select v.contents
        from policy_set_versions v
        where v.policy_set_id = s.id and v.status = 'ready'
        order by v.created_at desc, v.id
        limit 1) as version
    from policy_sets s
    where s.id = any(${sql.array([...ids], 'text')})
    order by lower(s.name)`)
  return rows.map(({ single, version, ...set }) => ({
    ...set,
    policies: version ? version.policies : single,
    files: version ? version.files : null,
  }))
}

const RunRow = z.object({
  id: z.string(),
  message: z.string(),
  is_destroy: z.boolean(),
  refresh: z.boolean(),
  refresh_only: z.boolean(),
  speculative: z.boolean(),
  created_by: z.string().nullable(),
  workspace: z.object({ id: z.string(), name: z.string(), working_directory: z.string() }),
  project: z.object({ id: z.string(), name: z.string() }),
  organization: z.object({ name: z.string() }),
})

/** What a policy may know of the run besides its plan. */
export const selectEvaluationRun = (tx: Tx, runId: string) =>
  tx.one(sql.type(RunRow)`
    select r.id, r.message, r.is_destroy, r.refresh, r.refresh_only, r.plan_only as speculative, u.username as created_by,
      jsonb_build_object('id', w.id, 'name', w.name, 'working_directory', w.working_directory) as workspace,
      jsonb_build_object('id', p.id, 'name', p.name) as project, jsonb_build_object('name', o.name) as organization
    from runs r
    join workspaces w on w.id = r.workspace_id
    join projects p on p.id = w.project_id
    join organizations o on o.id = r.organization_id
    left join users u on u.id = r.created_by
    where r.id = ${runId}`)
