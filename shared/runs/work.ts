import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { isExact, resolveVersion } from '../engines/versions.ts'
import { problem } from '../errors.ts'
import { issueIdentityTokens } from '../identity/issue.ts'
import type { PhaseWork } from '../phase.ts'
import { selectOptionalArchives } from '../site/tool-versions.ts'
import { openPrivateKey } from '../ssh-keys/ssh-keys.ts'
import { hashToken } from '../tokens/authenticate.ts'
import { insertToken } from '../tokens/tokens.ts'
import { effectiveVariables } from '../variables/effective.ts'
import type { Claim } from './hold.ts'

const WorkRow = z.object({
  id: z.string(),
  phase_id: z.string(),
  organization_id: z.string(),
  organization_name: z.string(),
  project_id: z.string(),
  project_name: z.string(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  working_directory: z.string(),
  engine: z.enum(['terraform', 'tofu']),
  engine_version: z.string(),
  agent_pool_id: z.string().nullable(),
  structured_output: z.boolean(),
  is_destroy: z.boolean(),
  refresh: z.boolean(),
  refresh_only: z.boolean(),
  plan_only: z.boolean(),
  allow_config_generation: z.boolean(),
  target_addrs: z.array(z.string()).nullable(),
  replace_addrs: z.array(z.string()).nullable(),
  invoke_action_addrs: z.array(z.string()).nullable(),
  variables: z.instanceof(Buffer).nullable(),
  ssh_key_id: z.string().nullable(),
  ssh_key_value: z.instanceof(Buffer).nullable(),
  serial: z.number().nullable(),
  lineage: z.string().nullable(),
  size_bytes: z.number().nullable(),
})
type Work = z.output<typeof WorkRow>

const RunVariables = z.array(z.object({ key: z.string(), value: z.string() }))

/**
 * Everything the executor needs for a held phase, secrets in clear: for the worker's memory only.
 * The token it holds is the engine's; it works while the phase runs and ends with it. May be read before the phase is taken.
 */
export async function phaseWork(app: App, of: Pick<Claim, 'runId' | 'phase'>, url: string): Promise<PhaseWork> {
  const run = await app.db.maybeOne(sql.type(WorkRow)`
    select r.id, f.id as phase_id, r.organization_id, o.name as organization_name, w.project_id,
      p.name as project_name, r.workspace_id, w.name as workspace_name, w.working_directory, r.engine,
      r.engine_version, r.agent_pool_id, r.structured_output, r.is_destroy, r.refresh, r.refresh_only, r.plan_only,
      r.allow_config_generation, r.target_addrs, r.replace_addrs, r.invoke_action_addrs, r.variables,
      k.id as ssh_key_id, k.value as ssh_key_value, s.serial, s.lineage, s.size_bytes
    from runs r
    join phases f on f.run_id = r.id and f.kind = ${of.phase}
    join workspaces w on w.id = r.workspace_id
    join projects p on p.id = w.project_id
    join organizations o on o.id = r.organization_id
    left join ssh_keys k on k.id = w.ssh_key_id
    left join state_versions s on s.id = w.current_state_version_id
    where r.id = ${of.runId}`)
  if (!run) throw problem('not_found')
  const phaseId = run.phase_id
  const [variables, token, engine] = await Promise.all([
    effectiveVariables(
      app,
      app.db,
      { workspaceId: run.workspace_id, projectId: run.project_id, organizationId: run.organization_id },
      runVariables(app, run.id, run.variables),
    ),
    insertToken(app.db, { kind: 'phase', phaseId, description: `${of.phase} of ${run.id}` }),
    engineOf(app, run),
  ])
  return {
    phase: of.phase,
    runId: run.id,
    phaseId,
    organization: { name: run.organization_name },
    project: { id: run.project_id, name: run.project_name },
    workspace: { id: run.workspace_id, name: run.workspace_name, workingDirectory: run.working_directory },
    engine,
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
    sshKey: run.ssh_key_id && run.ssh_key_value && openPrivateKey(app, run.ssh_key_id, run.ssh_key_value),
    // made for the one who holds the phase: `withIdentity`
    identityTokens: {},
    state: run.serial === null ? null : { serial: run.serial, lineage: run.lineage!, sizeBytes: run.size_bytes! },
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

async function engineOf(app: App, run: Work): Promise<PhaseWork['engine']> {
  const version = await exactVersion(app, run)
  const archives = run.engine === 'terraform' ? await selectOptionalArchives(app.db, 'terraform', version) : null
  return { name: run.engine, version, ...(archives && { archives }) }
}

/** A run made while nobody could tell the versions at hand resolves its version when it is taken. */
async function exactVersion(app: App, run: Work): Promise<string> {
  if (isExact(run.engine_version)) return run.engine_version
  const version = await resolveVersion(app, app.db, run.engine, run.engine_version, run.agent_pool_id)
  await app.db.query(sql.void`update runs set engine_version = ${version} where id = ${run.id}`)
  return version
}
