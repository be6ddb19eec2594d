// Source: shared/api/surface.tsv (configuration-versions), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/configuration-versions
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import {
  archiveConfiguration,
  createConfiguration,
  deleteConfigurationData,
  restoreConfiguration,
  softDeleteConfiguration,
} from '../../shared/configurations/configurations.ts'
import { type Configuration, selectConfigurationsOfWorkspace } from '../../shared/configurations/queries.ts'
import { problem } from '../../shared/errors.ts'
import { selectOptionalTestConfiguration } from '../../shared/registry/test-configurations.ts'
import { signedUrl } from '../../shared/signed-url.ts'
import { sendBlob } from '../download.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { testConfiguration } from '../registry/test-run-json.ts'
import { type Context, Routes, requireMay } from '../route.ts'
import { configurationById, workspaceById } from '../subjects.ts'
import { configuration } from './json.ts'

export const configurations = new Routes('/api/v2')

const Create = z.object({
  'auto-queue-runs': z.boolean().nullish(),
  speculative: z.boolean().nullish(),
  provisional: z.boolean().nullish(),
})

configurations.post(
  '/workspaces/:workspace_id/configuration-versions',
  { action: 'configuration:create', subject: workspaceById, attributes: Create, answers: 201 },
  async (ctx) => {
    const { app, input, subject, actor } = ctx
    const created = await app.db.transaction((tx) =>
      createConfiguration(tx, {
        workspaceId: subject.workspace.id,
        autoQueueRuns: input.attributes['auto-queue-runs'] ?? true,
        speculative: input.attributes.speculative ?? false,
        provisional: input.attributes.provisional ?? false,
        source: ctx.koa.get('x-terraform-integration') === 'cloud' ? 'terraform+cloud' : 'tfe-api',
        createdBy: userIdOf(actor),
      }),
    )
    const upload_url = signedUrl(app, ctx.origin, 'configuration-upload', created.id)
    return one(configuration, { ...created, upload_url }, ctx)
  },
)

configurations.get(
  '/workspaces/:workspace_id/configuration-versions',
  { action: 'configuration:read', subject: workspaceById },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectConfigurationsOfWorkspace(ctx.app.db, ctx.subject.workspace.id, page)
    return many(configuration, rows, ctx, { page, totalCount })
  },
)

configurations.get(
  '/configuration-versions/:configuration_version_id',
  // one of a workspace or of a module, which other rights read: asked for when it is known which
  { action: 'account:read' },
  async (ctx) => {
    const ofModule = await selectOptionalTestConfiguration(ctx.app.db, ctx.params.configuration_version_id!)
    if (ofModule) {
      await requireMay(ctx.access, 'registry:read', { organizationId: ofModule.organization_id })
      return one(testConfiguration, ofModule, ctx)
    }
    const subject = await configurationById(ctx)
    await requireMay(ctx.access, 'configuration:read', subject.scope)
    return one(configuration, subject.configuration, ctx)
  },
)

/** The archive as it was uploaded. 404 while there is none, as HCP answers. */
export async function downloadConfiguration(ctx: Context, row: Configuration): Promise<void> {
  if (row.status !== 'uploaded' || !row.blob_id) {
    throw problem('not_found', `The configuration version is ${row.status}: it has no archive to download.`)
  }
  await sendBlob(ctx, {
    id: row.blob_id,
    of: row.id,
    sizeBytes: row.size_bytes ?? 0,
    type: 'application/gzip',
    fileName: `${row.id}.tar.gz`,
  })
}

configurations.get(
  '/configuration-versions/:configuration_version_id/download',
  { action: 'configuration:download', subject: configurationById },
  (ctx) => downloadConfiguration(ctx, ctx.subject.configuration),
)

const changes = {
  archive: archiveConfiguration,
  soft_delete_backing_data: softDeleteConfiguration,
  restore_backing_data: restoreConfiguration,
  permanently_delete_backing_data: deleteConfigurationData,
}
for (const [name, change] of Object.entries(changes)) {
  configurations.post(
    `/configuration-versions/:configuration_version_id/actions/${name}`,
    { action: name === 'archive' ? 'configuration:create' : 'state:manage', subject: configurationById, answers: 202 },
    (ctx) => change(ctx.app, ctx.subject.configuration.id),
  )
}
