import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { compareVersions, parseVersion } from './constraints.ts'
import type { EngineName } from './versions.ts'

const TIMEOUT_MS = 15_000
const MOST_BYTES = 8 * 1024 * 1024

/** HashiCorp's checkpoint names one version; OpenTofu's index lists them all. */
const Answer = z.union([
  z.object({ current_version: z.string() }).transform((a) => [a.current_version]),
  z.object({ versions: z.array(z.object({ id: z.string() })) }).transform((a) => a.versions.map((v) => v.id)),
])

/**
 * The newest release that a source names, pre-releases left out.
 * @throws Error with a sentence when the source does not answer as expected
 */
export async function newestRelease(source: string): Promise<string> {
  const response = await fetch(source, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (!response.ok) throw new Error(`${source} answered ${response.status}`)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > MOST_BYTES) throw new Error(`${source} answered more than ${MOST_BYTES} bytes`)
    parts.push(part)
  }
  const answer = Answer.parse(JSON.parse(Buffer.concat(parts).toString()))
  const releases = answer.filter((text) => /^\d{1,9}\.\d{1,9}\.\d{1,9}$/.test(text))
  const newest = releases.sort((a, b) => compareVersions(parseVersion(b)!, parseVersion(a)!))[0]
  if (!newest) throw new Error(`${source} names no release`)
  return newest
}

/** Asks both publishers. One that cannot be reached leaves what was known. */
export async function refreshReleases(app: App): Promise<void> {
  if (!app.config.engineDownload) return
  for (const [engine, source] of Object.entries(app.config.engineReleases)) {
    try {
      const version = await newestRelease(source)
      await app.db.query(sql.void`
        insert into engine_releases (engine, version)
        values (${engine}, ${version})
        on conflict (engine) do update
        set version = excluded.version, checked_at = now()`)
    } catch (error) {
      app.log.info({ engine, err: (error as Error).message }, 'the newest release is not known')
    }
  }
}

export const selectNewestRelease = async (tx: Tx, engine: EngineName): Promise<string | null> =>
  (
    await tx.maybeOne(sql.type(z.object({ version: z.string() }))`
      select version
      from engine_releases
      where engine = ${engine}`)
  )?.version ?? null
