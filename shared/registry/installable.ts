import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'

/**
 * What the CLIs are told of a provider: versions whose two SHA files are there and whose signing key is known, with the
 * platforms whose zip is there. Anything else would make them download first and fail then.
 */
const installable = sql.fragment`
  registry_provider_versions v
  join registry_providers p on p.id = v.provider_id
  join gpg_keys k on k.organization_id = p.organization_id and k.key_id = upper(v.key_id)
  join registry_provider_platforms f on f.version_id = v.id and f.blob_id is not null`

const complete = sql.fragment`v.shasums_blob_id is not null and v.shasums_signature_blob_id is not null`

const VersionRow = z.object({
  version: z.string(),
  protocols: z.array(z.string()),
  platforms: z.array(z.object({ os: z.string(), arch: z.string() })),
})

export const selectInstallableVersions = (tx: Tx, providerId: string) =>
  tx.any(sql.type(VersionRow)`
    select v.version, v.protocols,
      jsonb_agg(jsonb_build_object('os', f.os, 'arch', f.arch) order by f.os, f.arch) as platforms
    from ${installable}
    where v.provider_id = ${providerId} and ${complete}
    group by v.id`)

const PackageRow = z.object({
  version_id: z.string(),
  platform_id: z.string(),
  protocols: z.array(z.string()),
  filename: z.string(),
  shasum: z.string(),
  key_id: z.string(),
  ascii_armor: z.string(),
})

export const selectOptionalPackage = (
  tx: Tx,
  providerId: string,
  wanted: { version: string; os: string; arch: string },
) =>
  tx.maybeOne(sql.type(PackageRow)`
    select v.id as version_id, f.id as platform_id, v.protocols, f.filename, f.shasum, k.key_id, k.ascii_armor
    from ${installable}
    where v.provider_id = ${providerId} and v.version = ${wanted.version}
      and f.os = ${wanted.os} and f.arch = ${wanted.arch} and ${complete}`)
