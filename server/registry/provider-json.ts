import type { ProviderPlatform } from '../../shared/registry/provider-platforms.ts'
import { type ProviderVersion, selectVersionsOfProviders } from '../../shared/registry/provider-versions.ts'
import type { RegistryProvider } from '../../shared/registry/providers.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import type { Context } from '../route.ts'
import { objectUrl } from './objects.ts'

const manages = ({ access }: Context, organizationId: string): Promise<boolean> =>
  access.may('registry:manage-providers', { organizationId })

/** A row with the right to upload its files: links are made without asking the database. */
export type Managed<T> = T & { may_manage: boolean }

export const withRights = async <T extends { organization_id: string }>(ctx: Context, row: T): Promise<Managed<T>> => ({
  ...row,
  may_manage: await manages(ctx, row.organization_id),
})

export const registryProviderVersion = defineResource<Managed<ProviderVersion>>({
  type: 'registry-provider-versions',
  id: (v) => v.id,
  attributes: (v) => ({
    version: v.version,
    'key-id': v.key_id,
    protocols: v.protocols,
    'shasums-uploaded': v.shasums_blob_id !== null,
    'shasums-sig-uploaded': v.shasums_signature_blob_id !== null,
    'created-at': v.created_at,
    'updated-at': v.updated_at,
    permissions: { 'can-delete': v.may_manage, 'can-upload-asset': v.may_manage },
  }),
  relationships: (v) => ({
    'registry-provider': toOne('registry-providers', v.provider_id),
    platforms: toMany('registry-provider-platforms', v.platform_ids),
  }),
  links: (v, ctx) => ({
    ...(v.shasums_blob_id && { 'shasums-download': objectUrl(ctx, 'shasums-download', v.id) }),
    ...(v.shasums_signature_blob_id && {
      'shasums-sig-download': objectUrl(ctx, 'shasums-signature-download', v.id),
    }),
    ...(v.may_manage && {
      'shasums-upload': objectUrl(ctx, 'shasums-upload', v.id),
      'shasums-sig-upload': objectUrl(ctx, 'shasums-signature-upload', v.id),
    }),
  }),
})

export const registryProvider = defineResource<RegistryProvider>({
  type: 'registry-providers',
  id: (p) => p.id,
  attributes: async (p, ctx) => ({
    name: p.name,
    namespace: p.namespace,
    'registry-name': p.registry_name,
    'created-at': p.created_at,
    'updated-at': p.updated_at,
    permissions: { 'can-delete': await manages(ctx, p.organization_id) },
  }),
  relationships: (p) => ({
    organization: toOne('organizations', p.organization_name),
    'registry-provider-versions': toMany('registry-provider-versions', p.version_ids),
  }),
  links: (p) => ({
    self: `/api/v2/organizations/${p.organization_name}/registry-providers/${p.registry_name}/${p.namespace}/${p.name}`,
  }),
  includes: {
    'registry-provider-versions': async (rows, ctx) => {
      const versions = await selectVersionsOfProviders(
        ctx.app.db,
        rows.map((p) => p.id),
      )
      return { resource: registryProviderVersion, rows: await Promise.all(versions.map((v) => withRights(ctx, v))) }
    },
  },
})

export const registryProviderPlatform = defineResource<Managed<ProviderPlatform>>({
  type: 'registry-provider-platforms',
  id: (f) => f.id,
  attributes: (f) => ({
    os: f.os,
    arch: f.arch,
    filename: f.filename,
    shasum: f.shasum,
    'provider-binary-uploaded': f.blob_id !== null,
    permissions: { 'can-delete': f.may_manage, 'can-upload-asset': f.may_manage },
  }),
  relationships: (f) => ({ 'registry-provider-version': toOne('registry-provider-versions', f.version_id) }),
  links: (f, ctx) => ({
    ...(f.may_manage && { 'provider-binary-upload': objectUrl(ctx, 'provider-upload', f.id) }),
    ...(f.blob_id && { 'provider-binary-download': objectUrl(ctx, 'provider-download', f.id) }),
  }),
})
