import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { isExact, resolveVersion } from '../engines/versions.ts'
import { issueIdentityTokens } from '../identity/issue.ts'
import type { PhaseWork } from '../phase.ts'
import { selectOptionalNamedVersion } from '../site/tool-versions.ts'
import { privateKeyOfWorkspace } from '../ssh-keys/ssh-keys.ts'
import { hashToken } from '../tokens/authenticate.ts'
import { insertToken } from '../tokens/tokens.ts'
import { effectiveVariables } from '../variables/effective.ts'
import type { Claim } from './hold.ts'
import { type Run, selectRun } from './queries.ts'

const WorkspaceRow = z.object({
  working_directory: z.string(),
  project_name: z.string(),
  serial: z.number().nullable(),
  lineage: z.string().nullable(),
  size_bytes: z.number().nullable(),
})

const RunVariables = z.array(z.object({ key: z.string(), value: z.string() }))

/**
 * Everything the executor needs for a held phase, secrets in clear: for the worker's memory only.
 * The token it holds is the engine's; it works while the phase runs and ends with it. May be read before the phase is taken.
 */
export async function phaseWork(app: App, of: Pick<Claim, 'runId' | 'phase'>, url: string): Promise<PhaseWork> {
  const run = await selectRun(app.db, of.runId)
  const phaseId = of.phase === 'plan' ? run.plan_id : run.apply_id
  const [workspace, variables, token, sshKey] = await Promise.all([
    app.db.one(sql.type(WorkspaceRow)`
      select w.working_directory, p.name as project_name, s.serial, s.lineage, s.size_bytes
      from workspaces w
      join projects p on p.id = w.project_id
      left join state_versions s on s.id = w.current_state_version_id
      where w.id = ${run.workspace_id}`),
    effectiveVariables(
      app,
      app.db,
      { workspaceId: run.workspace_id, projectId: run.project_id, organizationId: run.organization_id },
      runVariables(app, run.id, run.variables),
    ),
    insertToken(app.db, { kind: 'phase', phaseId, description: `${of.phase} of ${run.id}` }),
    privateKeyOfWorkspace(app, run.workspace_id),
  ])
  return {
    phase: of.phase,
    runId: run.id,
    phaseId,
    organization: { name: run.organization_name },
    project: { id: run.project_id, name: workspace.project_name },
    workspace: { id: run.workspace_id, name: run.workspace_name, workingDirectory: workspace.working_directory },
    engine: await engineOf(app, run),
    structuredOutput: run.structured_output,
    options: {
      isDestroy: run.is_destroy,
      refresh: run.refresh,
      refreshOnly: run.refresh_only,
      planOnly: run.plan_only,
      allowConfigGeneration: run.allow_config_generation,
      targetAddrs: run.target_addrs ?? [],
      replaceAddrs: run.replace_addrs ?? [],
      invokeActionAddrs: run.invoke_action_addrs ?? [],
    },
    variables,
    server: { hostname: new URL(url).host, token: token.token },
    sshKey,
    // made for the one who holds the phase: `withIdentity`
    identityTokens: {},
    state:
      workspace.serial === null
        ? null
        : { serial: workspace.serial, lineage: workspace.lineage!, sizeBytes: workspace.size_bytes! },
  }
}

/** The work of a phase that has begun and is held. @throws ClaimLost */
export const withIdentity = async (app: App, claim: Claim, work: PhaseWork): Promise<PhaseWork> => ({
  ...work,
  identityTokens: await issueIdentityTokens(app, claim, work.variables),
})

/** The engine's token was made for a phase that was then not taken: it must not stay. */
export const forgetWork = (app: App, work: PhaseWork): Promise<unknown> =>
  app.db.query(sql.void`
    delete from tokens
    where token_hash = ${sql.binary(hashToken(work.server!.token))}`)

export const runVariables = (app: App, runId: string, sealed: Buffer | null): z.output<typeof RunVariables> =>
  sealed ? RunVariables.parse(JSON.parse(app.secrets.open(sealed, `runs.variables:${runId}`).toString())) : []

async function engineOf(app: App, run: Run): Promise<PhaseWork['engine']> {
  const version = await exactVersion(app, run)
  const named = run.engine === 'terraform' ? await selectOptionalNamedVersion(app.db, 'terraform', version) : null
  return { name: run.engine, version, ...(named && { archives: named.archs }) }
}

/** A run made while nobody could tell the versions at hand resolves its version when it is taken. */
async function exactVersion(app: App, run: Run): Promise<string> {
  if (isExact(run.engine_version)) return run.engine_version
  const version = await resolveVersion(app, app.db, run.engine, run.engine_version, run.agent_pool_id)
  await app.db.query(sql.void`update runs set engine_version = ${version} where id = ${run.id}`)
  return version
}
