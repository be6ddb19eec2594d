import { problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { type RegistryModule, selectOptionalModule, selectOptionalModuleById } from '../../shared/registry/modules.ts'
import { type ProviderPlatform, selectOptionalPlatform } from '../../shared/registry/provider-platforms.ts'
import { type ProviderVersion, selectOptionalProviderVersion } from '../../shared/registry/provider-versions.ts'
import {
  type RegistryProvider,
  selectOptionalProvider,
  selectOptionalProviderById,
} from '../../shared/registry/providers.ts'
import type { Context, Subject } from '../route.ts'

export interface ModuleSubject extends Subject {
  module: RegistryModule
}

function moduleSubject(module: RegistryModule | null): ModuleSubject {
  if (!module) throw problem('not_found')
  return { module, scope: { organizationId: module.organization_id } }
}

export async function moduleById(ctx: Context): Promise<ModuleSubject> {
  const id = ctx.params.id!
  return moduleSubject(looksLikeId(id, 'mod') ? await selectOptionalModuleById(ctx.app.db, id) : null)
}

export const moduleByName = async ({ app, params }: Context): Promise<ModuleSubject> =>
  moduleSubject(
    await selectOptionalModule(app.db, {
      organizationName: params.organization_name!,
      registryName: params.registry_name ?? 'private',
      namespace: params.namespace ?? params.organization_name!,
      name: params.name!,
      provider: params.provider!,
    }),
  )

/** As the module protocol names it: the namespace is the organization. */
export const moduleBySource = async ({ app, params }: Context): Promise<ModuleSubject> =>
  moduleSubject(
    await selectOptionalModule(app.db, {
      organizationName: params.namespace!,
      registryName: 'private',
      namespace: params.namespace!,
      name: params.name!,
      provider: params.system!,
    }),
  )

export interface ProviderSubject extends Subject {
  provider: RegistryProvider
}

function providerSubject(provider: RegistryProvider | null): ProviderSubject {
  if (!provider) throw problem('not_found')
  return { provider, scope: { organizationId: provider.organization_id } }
}

export async function providerById(ctx: Context): Promise<ProviderSubject> {
  const id = ctx.params.id!
  return providerSubject(looksLikeId(id, 'prov') ? await selectOptionalProviderById(ctx.app.db, id) : null)
}

export const providerByName = async ({ app, params }: Context): Promise<ProviderSubject> =>
  providerSubject(
    await selectOptionalProvider(app.db, {
      organizationName: params.organization_name!,
      registryName: params.registry_name!,
      namespace: params.namespace!,
      name: params.name!,
    }),
  )

/** As the provider protocol names it. */
export const providerBySource = async ({ app, params }: Context): Promise<ProviderSubject> =>
  providerSubject(
    await selectOptionalProvider(app.db, {
      organizationName: params.namespace!,
      registryName: 'private',
      namespace: params.namespace!,
      name: params.type!,
    }),
  )

export interface ProviderVersionSubject extends ProviderSubject {
  version: ProviderVersion
}

export async function providerVersionByName(ctx: Context): Promise<ProviderVersionSubject> {
  const found = await providerByName(ctx)
  const version = await selectOptionalProviderVersion(ctx.app.db, found.provider.id, ctx.params.version!)
  if (!version) throw problem('not_found')
  return { ...found, version }
}

export interface PlatformSubject extends ProviderVersionSubject {
  platform: ProviderPlatform
}

export async function platformByName(ctx: Context): Promise<PlatformSubject> {
  const found = await providerVersionByName(ctx)
  const { os, arch } = ctx.params
  const platform = await selectOptionalPlatform(ctx.app.db, found.version.id, { os: os!, arch: arch! })
  if (!platform) throw problem('not_found')
  return { ...found, platform }
}
