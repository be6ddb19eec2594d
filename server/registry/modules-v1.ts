// The module registry protocol, and the details that go-tfe reads. Source: shared/api/module-provider-registry.md 1.
import { problem } from '../../shared/errors.ts'
import {
  type ModuleVersion,
  selectModuleDetails,
  selectOptionalModuleVersion,
} from '../../shared/registry/module-versions.ts'
import type { RegistryModule } from '../../shared/registry/modules.ts'
import { newerFirst } from '../../shared/registry/semver.ts'
import { type Context, Routes } from '../route.ts'
import { objectUrl } from './objects.ts'
import { type ModuleSubject, moduleBySource } from './subject.ts'

export const modulesV1 = new Routes('/api/registry/v1/modules')

export const sendJson = ({ koa }: Context, body: unknown): void => {
  koa.type = 'application/json'
  koa.body = JSON.stringify(body)
}

const published = (module: RegistryModule): string[] =>
  module.versions
    .filter(({ status }) => status === 'ok')
    .sort(newerFirst)
    .map(({ version }) => version)

const named = '/:namespace/:name/:system'
const reading = { action: 'registry:read-modules', subject: moduleBySource } as const

async function publishedVersion(ctx: Context & { subject: ModuleSubject }, version: string): Promise<ModuleVersion> {
  const found = await selectOptionalModuleVersion(ctx.app.db, ctx.subject.module.id, version)
  if (found?.status !== 'ok' || !found.blob_id) throw problem('not_found')
  return found
}

modulesV1.get(`${named}/versions`, reading, async (ctx) => {
  const { module } = ctx.subject
  const source = `${module.namespace}/${module.name}/${module.provider}`
  sendJson(ctx, { modules: [{ source, versions: published(module).map((version) => ({ version })) }] })
})

modulesV1.get(`${named}/:version/download`, reading, async (ctx) => {
  const { id } = await publishedVersion(ctx, ctx.params.version!)
  // relative to this host, as the client reached it; `archive` tells go-getter how to unpack and is not sent
  ctx.koa.set('X-Terraform-Get', `${objectUrl(ctx, 'module-download', id, '')}?archive=tar.gz`)
  ctx.koa.status = 204
})

modulesV1.get(named, reading, async (ctx) => {
  const latest = published(ctx.subject.module)[0]
  if (!latest) throw problem('not_found')
  await sendDetails(ctx, latest)
})

modulesV1.get(`${named}/:version`, reading, (ctx) => sendDetails(ctx, ctx.params.version!))

async function sendDetails(ctx: Context & { subject: ModuleSubject }, wanted: string): Promise<void> {
  const { module } = ctx.subject
  const version = await publishedVersion(ctx, wanted)
  const { readme, contents } = await selectModuleDetails(ctx.app.db, version.id)
  const folder = (path: string) => {
    const known = contents?.[path]
    return {
      path,
      name: path.split('/').at(-1) || module.name,
      readme: path === '' ? (readme ?? '') : '',
      empty: contents !== null && !known,
      inputs: known?.inputs ?? [],
      outputs: known?.outputs ?? [],
      dependencies: [],
      provider_dependencies: known?.provider_dependencies ?? [],
      resources: known?.resources ?? [],
    }
  }
  sendJson(ctx, {
    id: `${module.namespace}/${module.name}/${module.provider}/${version.version}`,
    owner: '',
    namespace: module.namespace,
    name: module.name,
    version: version.version,
    provider: module.provider,
    provider_logo_url: '',
    description: '',
    source: '',
    tag: '',
    published_at: version.updated_at,
    downloads: 0,
    verified: false,
    root: folder(''),
    submodules: Object.keys(contents ?? {})
      .filter((path) => path !== '')
      .map(folder),
    providers: [module.provider],
    versions: published(module).reverse(),
  })
}
