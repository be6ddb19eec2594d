// The provider registry protocol. Source: shared/api/module-provider-registry.md 2.
import { problem } from '../../shared/errors.ts'
import { selectInstallableVersions, selectOptionalPackage } from '../../shared/registry/installable.ts'
import { newerFirst } from '../../shared/registry/semver.ts'
import { Routes } from '../route.ts'
import { sendJson } from './modules-v1.ts'
import { objectUrl } from './objects.ts'
import { providerBySource } from './subject.ts'

export const providersV1 = new Routes('/api/registry/v1/providers')

const named = '/:namespace/:type'
const reading = { action: 'registry:read-providers', subject: providerBySource } as const

providersV1.get(`${named}/versions`, reading, async (ctx) => {
  const { provider } = ctx.subject
  const versions = await selectInstallableVersions(ctx.app.db, provider.id)
  sendJson(ctx, {
    id: `${provider.namespace}/${provider.name}`,
    versions: versions.toSorted(newerFirst),
    warnings: null,
  })
})

providersV1.get(`${named}/:version/download/:os/:arch`, reading, async (ctx) => {
  const { version, os, arch } = ctx.params
  const found = await selectOptionalPackage(ctx.app.db, ctx.subject.provider.id, {
    version: version!,
    os: os!,
    arch: arch!,
  })
  if (!found) throw problem('not_found')
  // relative addresses: the CLIs ask the host that they reached, without their token
  sendJson(ctx, {
    protocols: found.protocols,
    os,
    arch,
    filename: found.filename,
    download_url: objectUrl(ctx, 'provider-download', found.platform_id, ''),
    shasums_url: objectUrl(ctx, 'shasums-download', found.version_id, ''),
    shasums_signature_url: objectUrl(ctx, 'shasums-signature-download', found.version_id, ''),
    shasum: found.shasum,
    signing_keys: {
      gpg_public_keys: [
        { key_id: found.key_id, ascii_armor: found.ascii_armor, trust_signature: '', source: '', source_url: null },
      ],
    },
  })
})
