import { randomUUID, sign } from 'node:crypto'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { ClaimLost, type PhaseVariable } from '../phase.ts'
import type { Claim } from '../runs/hold.ts'
import { phaseLimit } from '../runs/time-limits.ts'
import { askedIdentities, identityName } from './asked.ts'
import { currentSigningKey, type SigningKey } from './keys.ts'

const WorkloadRow = z.object({
  organization_id: z.string(),
  organization_name: z.string(),
  project_id: z.string(),
  project_name: z.string(),
  workspace_id: z.string(),
  workspace_name: z.string(),
  ends_at: z.date(),
})
type Workload = z.output<typeof WorkloadRow>

/**
 * The workload identity tokens that a phase's variables ask for, by name (asked.ts). Made only for the one who holds
 * the running phase; stored nowhere.
 * @throws ClaimLost
 */
export async function issueIdentityTokens(
  app: App,
  claim: Claim,
  variables: readonly PhaseVariable[],
): Promise<Record<string, string>> {
  const asked = askedIdentities(variables)
  if (asked.length === 0) return {}
  const workload = await selectHeldWorkload(app, claim)
  const key = await currentSigningKey(app)
  return Object.fromEntries(
    asked.map((identity) => [
      identityName(identity),
      signToken(key, claimsOf(app, claim, workload, identity.audience)),
    ]),
  )
}

/** @throws ClaimLost */
async function selectHeldWorkload(app: App, claim: Claim): Promise<Workload> {
  const row = await app.db.maybeOne(sql.type(WorkloadRow)`
    select o.id as organization_id, o.name as organization_name, j.id as project_id, j.name as project_name,
      w.id as workspace_id, w.name as workspace_name, p.started_at + x.own as ends_at
    from phases p
    join runs r on r.id = p.run_id
    join workspaces w on w.id = r.workspace_id
    join projects j on j.id = w.project_id
    join organizations o on o.id = w.organization_id
    ${await phaseLimit(app)}
    where p.id = ${claim.phaseId} and p.claim = ${claim.claim} and p.kind = ${claim.phase} and p.status = 'running'`)
  if (!row) throw new ClaimLost()
  return row
}

/** A relying party's clock may be a little behind. */
const NOT_BEFORE_SECONDS = 5

/** Source: HCP, "Workload identity", token specification. */
function claimsOf(app: App, claim: Claim, of: Workload, audience: string): Record<string, string | number> {
  const now = Math.floor(app.now().getTime() / 1000)
  const fullWorkspace = `organization:${of.organization_name}:project:${of.project_name}:workspace:${of.workspace_name}`
  return {
    jti: randomUUID(),
    iss: app.config.url,
    aud: audience,
    iat: now,
    nbf: now - NOT_BEFORE_SECONDS,
    exp: Math.floor(of.ends_at.getTime() / 1000),
    sub: `${fullWorkspace}:run_phase:${claim.phase}`,
    terraform_organization_id: of.organization_id,
    terraform_organization_name: of.organization_name,
    terraform_project_id: of.project_id,
    terraform_project_name: of.project_name,
    terraform_workspace_id: of.workspace_id,
    terraform_workspace_name: of.workspace_name,
    terraform_full_workspace: fullWorkspace,
    terraform_run_id: claim.runId,
    terraform_run_phase: claim.phase,
  }
}

function signToken({ kid, privateKey }: SigningKey, claims: Record<string, string | number>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ typ: 'JWT', alg: 'RS256', kid })}.${part(claims)}`
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}
