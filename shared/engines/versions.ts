import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { isAlive } from '../agents/agents.ts'
import type { App } from '../app.ts'
import { invalid } from '../errors.ts'
import { selectOptionalNamedVersion } from '../site/tool-versions.ts'
import { compareVersions, parseConstraint, parseVersion } from './constraints.ts'
import { selectNewestRelease } from './releases.ts'

export type EngineName = 'terraform' | 'tofu'

const EngineRow = z.object({ version: z.string() })

/**
 * Versions of one engine that the living runners of this server have, newest first; with a pool, those of its living
 * agents.
 */
export async function versionsAtHand(tx: Tx, engine: EngineName, agentPoolId: string | null = null): Promise<string[]> {
  const workers = agentPoolId
    ? sql.fragment`agents ag where ag.agent_pool_id = ${agentPoolId} and ${isAlive}`
    : sql.fragment`runners r where r.heartbeat_at > now() - interval '60 seconds'`
  const rows = await tx.any(sql.type(EngineRow)`
    select distinct e ->> 'version' as version
    from (select engines from ${workers}) w
    cross join lateral jsonb_array_elements(w.engines) e
    where e ->> 'name' = ${engine} and e ->> 'version' is not null
      and not exists (
        select 1
        from tool_versions v
        where v.tool = ${engine} and v.version = e ->> 'version' and not v.enabled)`)
  return rows
    .map((row) => ({ text: row.version, version: parseVersion(row.version) }))
    .filter((v) => v.version !== null)
    .sort((a, b) => compareVersions(b.version!, a.version!))
    .map((v) => v.text)
}

const hasRunner = async (tx: Tx): Promise<boolean> =>
  (await tx.maybeOne(sql.type(z.object({ one: z.number() }))`
    select 1 as one
    from runners
    where heartbeat_at > now() - interval '60 seconds'
    limit 1`)) !== null

const isRelease = (text: string): boolean => /^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(text)

/**
 * Whether a workspace may be set to this version: 'latest', a constraint, or an exact version that a runner has or can
 * download. Development builds are refused: the CLI then keeps the version that the workspace has, and a later remote
 * plan does not fail for want of a binary. Source: shared/api/cli-protocol.md 4.7.
 */
export async function runnableVersion(
  app: App,
  engine: EngineName,
  version: string,
  tx: Tx = app.db,
): Promise<boolean> {
  if (version === 'latest') return true
  const parsed = parseVersion(version)
  if (!parsed || !/^\d+\.\d+\.\d+/.test(version)) return parseConstraint(version) !== null
  if (/^dev\b/.test(parsed.prerelease)) return false
  // what site admins say about a version goes before everything else
  const named = engine === 'terraform' ? await selectOptionalNamedVersion(tx, engine, version) : null
  if (named) return named.enabled
  const atHand = await versionsAtHand(tx, engine)
  if (atHand.includes(version)) return true
  return isRelease(version) && (app.config.engineDownload || !(await hasRunner(tx)))
}

/** Whether a version is exact: what an engine folder is called. */
export const isExact = (text: string): boolean => parseVersion(text) !== null && /^\d+\.\d+\.\d+/.test(text)

/**
 * The exact version that a run uses: for 'latest' and constraints the newest that a runner, or an agent of the pool, has
 * at hand or can download, releases first. While nobody who could tell is alive the answer is `wanted` itself: whoever
 * takes the run asks again.
 * @throws problem 'invalid_attribute' (422) when no version satisfies a constraint
 */
export async function resolveVersion(
  app: App,
  tx: Tx,
  engine: EngineName,
  wanted: string,
  agentPoolId: string | null = null,
): Promise<string> {
  if (isExact(wanted)) return wanted
  const ofAgents = agentPoolId ? await versionsAtHand(tx, engine, agentPoolId) : []
  // while a pool has no agents, those to come are taken to have what the server has
  const atHand = ofAgents.length > 0 ? ofAgents : await versionsAtHand(tx, engine)
  const released = app.config.engineDownload ? await selectNewestRelease(tx, engine) : null
  const candidates = [...atHand, ...(released ? [released] : [])].sort(
    (a, b) => Number(isRelease(b)) - Number(isRelease(a)) || compareVersions(parseVersion(b)!, parseVersion(a)!),
  )
  const satisfies = wanted === 'latest' ? () => true : parseConstraint(wanted)
  if (!satisfies) throw invalid('terraform-version', `Terraform version ${JSON.stringify(wanted)} is not a version.`)
  const found = candidates.find((text) => satisfies(parseVersion(text)!))
  if (found) return found
  if (candidates.length === 0 && !(await hasRunner(tx))) return wanted
  throw invalid(
    'terraform-version',
    `No version of ${engine} at hand satisfies ${wanted}. At hand: ${atHand.join(', ') || 'none'}.`,
  )
}
