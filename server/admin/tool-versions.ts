// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/terraform-versions (opa, sentinel alike)
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import {
  type Arch,
  deleteToolVersion,
  selectOptionalToolVersion,
  selectToolVersionsPage,
  storeToolVersion,
  type Tool,
  type ToolVersion,
  tools,
} from '../../shared/site/tool-versions.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { textOf } from '../jsonapi/query.ts'
import { type Context, Routes, type Subject } from '../route.ts'

export const adminToolVersions = new Routes('/api/v2/admin')

const main = (archs: readonly Arch[]) => archs.find((a) => a.os === 'linux' && a.arch === 'amd64')

const resourceOf = (tool: Tool) =>
  defineResource<ToolVersion>({
    type: `${tool}-versions`,
    id: (v) => v.id,
    attributes: (v) => ({
      version: v.version,
      url: main(v.archs)?.url ?? null,
      sha: main(v.archs)?.sha ?? null,
      archs: v.archs,
      deprecated: v.deprecated,
      'deprecated-reason': v.deprecated_reason,
      official: v.official,
      enabled: v.enabled,
      beta: v.beta,
      usage: v.usage,
      'created-at': v.created_at,
    }),
  })

const Url = z.url({ protocol: /^https?$/, error: 'is not an address' }).max(2000)
const Sha = z.string().regex(/^[0-9a-f]{64}$/i, 'is not a SHA-256 in hexadecimal')
const flag = z.boolean().nullish()

const Attributes = z.object({
  version: z
    .string()
    .regex(/^\d{1,9}\.\d{1,9}\.\d{1,19}(-[\w.-]{1,40})?$/, 'is not a version')
    .optional(),
  url: Url.nullish(),
  sha: Sha.nullish(),
  archs: z
    .array(z.object({ url: Url, sha: Sha, os: z.string().max(20), arch: z.string().max(20) }))
    .max(20)
    .nullish(),
  deprecated: flag,
  'deprecated-reason': z.string().max(2000).nullish(),
  official: flag,
  enabled: flag,
  beta: flag,
})

/** A list says all; a single address stands for linux_amd64. */
function archsOf(input: z.output<typeof Attributes>, givenSha: string | null = null): Arch[] | undefined {
  const sha = input.sha ?? givenSha
  if (input.archs?.length) return input.archs
  if (input.url && sha) return [{ url: input.url, sha, os: 'linux', arch: 'amd64' }]
  return undefined
}

const fresh = {
  archs: [],
  given_sha: null,
  deprecated: false,
  deprecated_reason: null,
  official: false,
  enabled: true,
  beta: false,
}

function applied(input: z.output<typeof Attributes>, before: Omit<ToolVersion, 'id' | 'usage' | 'created_at'>) {
  const deprecated = input.deprecated ?? before.deprecated
  const reason = input['deprecated-reason'] === undefined ? before.deprecated_reason : input['deprecated-reason']
  return {
    version: input.version ?? before.version,
    archs: archsOf(input, before.given_sha) ?? before.archs,
    given_sha: input.sha ?? before.given_sha,
    deprecated,
    deprecated_reason: deprecated ? reason : null,
    official: input.official ?? before.official,
    enabled: input.enabled ?? before.enabled,
    beta: input.beta ?? before.beta,
  }
}

for (const tool of tools) {
  const resource = resourceOf(tool)
  const path = `/${tool}-versions`
  const byId = `${path}/:version_id`

  async function versionById(ctx: Context): Promise<Subject & { version: ToolVersion }> {
    const version = ctx.access.isSiteAdmin
      ? await selectOptionalToolVersion(ctx.app.db, tool, ctx.params.version_id!)
      : null
    if (!version) throw problem('not_found')
    return { version, scope: {} }
  }

  adminToolVersions.get(path, { action: 'site:admin' }, async (ctx) => {
    const page = pageOf(ctx)
    const filter = { version: textOf(ctx, 'filter[version]'), search: textOf(ctx, 'search[version]') }
    const { rows, totalCount } = await selectToolVersionsPage(ctx.app.db, tool, filter, page)
    return many(resource, rows, ctx, { page, totalCount })
  })

  adminToolVersions.post(path, { action: 'site:admin', attributes: Attributes, answers: 201 }, async (ctx) => {
    const input = ctx.input.attributes
    if (!input.version) throw invalid('version', "Version can't be blank")
    if (!archsOf(input)) throw invalid('archs', 'Archs, or url and sha, are needed')
    const stored = await storeToolVersion(ctx.app.db, tool, null, applied(input, { ...fresh, version: input.version }))
    return one(resource, stored, ctx)
  })

  adminToolVersions.get(byId, { action: 'site:admin', subject: versionById }, (ctx) =>
    one(resource, ctx.subject.version, ctx),
  )

  adminToolVersions.patch(byId, { action: 'site:admin', subject: versionById, attributes: Attributes }, async (ctx) => {
    const { version } = ctx.subject
    return one(
      resource,
      await storeToolVersion(ctx.app.db, tool, version.id, applied(ctx.input.attributes, version)),
      ctx,
    )
  })

  adminToolVersions.delete(byId, { action: 'site:admin', subject: versionById }, async (ctx) => {
    const { version } = ctx.subject
    if (version.usage > 0) throw problem('conflict', `${version.usage} workspaces use this version.`)
    await deleteToolVersion(ctx.app.db, version.id)
  })
}
