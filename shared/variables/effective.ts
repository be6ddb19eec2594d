import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import type { PhaseVariable } from '../phase.ts'
import { authorColumns, VariableRow, variableColumns } from './queries.ts'
import { openValue } from './variables.ts'

export interface VariableScope {
  workspaceId: string
  projectId: string
  organizationId: string
}

const RankedRow = VariableRow.extend({
  set_name: z.string().nullable(),
  set_priority: z.boolean().nullable(),
  value_set_at: z.date(),
  value_set_by_name: z.string().nullable(),
})
export type RankedVariable = z.output<typeof RankedRow>

/**
 * A workspace's variables and those of every set that applies to it, the winner of each key first:
 * priority sets (global, of the project, of the workspace), the workspace's own, then sets applied to the workspace,
 * to its project, global ones; of equal sets the lexically first name.
 */
const selectRankedVariables = (tx: Tx, scope: VariableScope) =>
  tx.any(sql.type(RankedRow)`
    with sets as (
      select s.id, s.name, s.priority,
        case
          when s.is_global and s.project_id is null then 3
          when exists (select 1 from varset_workspaces x where x.varset_id = s.id and x.workspace_id = ${scope.workspaceId})
            then 1
          else 2
        end as breadth
      from varsets s
      where s.organization_id = ${scope.organizationId}
        and (
          (s.is_global and (s.project_id is null or s.project_id = ${scope.projectId}))
          or exists (select 1 from varset_workspaces x where x.varset_id = s.id and x.workspace_id = ${scope.workspaceId})
          or exists (select 1 from varset_projects x where x.varset_id = s.id and x.project_id = ${scope.projectId}))
    )
    select ${variableColumns}, ${authorColumns}, s.name as set_name, s.priority as set_priority
    from (
      select null as id, null as name, null::bool as priority, null::int as breadth
      union all
      select *
      from sets) s
    -- each by its index: there may be very many variables of others
    cross join lateral (
      select *
      from variables x
      where x.workspace_id = ${scope.workspaceId} and s.id is null
      union all
      select *
      from variables x
      where x.varset_id = s.id) v
    order by case when s.id is null then 0 when s.priority then -s.breadth else s.breadth end, s.name collate "C", v.id`)

/** One variable per category and key: the one that counts. */
export async function selectEffectiveVariables(tx: Tx, scope: VariableScope): Promise<RankedVariable[]> {
  const winners = new Map<string, RankedVariable>()
  for (const row of await selectRankedVariables(tx, scope)) {
    const name = `${row.category} ${row.key}`
    if (!winners.has(name)) winners.set(name, row)
  }
  return [...winners.values()]
}

/** Each category and key with the variable that counts and those that it overrides, the next in line first; by key. */
export async function selectVariableStack(
  tx: Tx,
  scope: VariableScope,
): Promise<{ winner: RankedVariable; overridden: RankedVariable[] }[]> {
  const groups = Map.groupBy(await selectRankedVariables(tx, scope), (row) => `${row.category} ${row.key}`)
  return [...groups.values()]
    .map(([winner, ...overridden]) => ({ winner: winner!, overridden }))
    .sort((a, b) => a.winner.key.localeCompare(b.winner.key, 'en'))
}

/**
 * What a run sees, in clear: never log it. `runVariables` were given with the run, are HCL expressions, and win.
 * Source: shared/cases/core.tsv CORE-17
 */
export async function effectiveVariables(
  app: App,
  tx: Tx,
  scope: VariableScope,
  runVariables: readonly { key: string; value: string }[],
): Promise<PhaseVariable[]> {
  const given = new Map(runVariables.map((v) => [v.key, v.value]))
  const stored = (await selectEffectiveVariables(tx, scope)).filter((v) => v.category === 'env' || !given.has(v.key))
  return [
    ...stored.map((v) => ({
      key: v.key,
      value: openValue(app, v),
      category: v.category,
      hcl: v.hcl,
      sensitive: v.sensitive,
    })),
    ...[...given].map(([key, value]) => ({ key, value, category: 'terraform' as const, hcl: true, sensitive: false })),
  ]
}
