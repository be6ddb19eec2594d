// Source: shared/api/surface.tsv (state-versions), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import { signedUrl } from '../../shared/signed-url.ts'
import { deleteStateData, restoreState, softDeleteState } from '../../shared/states/backing-data.ts'
import { createStateVersion, rollBack } from '../../shared/states/create.ts'
import {
  selectCurrentStateVersion,
  selectStateVersion,
  selectStateVersionsOfWorkspace,
  stateVersionStatuses,
} from '../../shared/states/queries.ts'
import { selectResourcesOfWorkspace } from '../../shared/states/resources.ts'
import { selectOptionalWorkspaceByName } from '../../shared/workspaces/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { inWorkspace, stateVersionById, workspaceById } from '../subjects.ts'
import { sendJsonState, sendState } from './download.ts'
import { stateResource, stateVersion } from './json.ts'

export const stateVersions = new Routes('/api/v2')

/** For a state in the body, base64. Larger ones go by the upload address, which takes TOFUTF_MAX_STATE_MB. */
const INLINE_LIMIT = 64 * 1024 * 1024

const Create = z.object({
  serial: z.number('is required').int('must be a whole number').min(0, 'must not be negative'),
  md5: z.string('is required').regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hexadecimal digits'),
  lineage: z.string().max(255).nullish(),
  force: z.boolean().nullish(),
  state: z.string().nullish(),
  'json-state': z.string().nullish(),
  'json-state-outputs': z.string().nullish(),
})

function fromBase64(name: string, text: string | null | undefined): Buffer | null {
  if (!text) return null
  const bytes = Buffer.from(text, 'base64')
  if (Math.abs(Math.ceil((bytes.length * 4) / 3) - text.replace(/[=\s]/g, '').length) > 1) {
    throw invalid(name, `${name} is not valid base64.`)
  }
  return bytes
}

stateVersions.post(
  '/workspaces/:workspace_id/state-versions',
  {
    action: 'state:create',
    subject: workspaceById,
    attributes: Create,
    maxBodyBytes: INLINE_LIMIT,
    tooLarge:
      'A state version created with its state in the request takes at most 64 MiB. Leave `state` out and upload it to hosted-state-upload-url.',
    answers: 201,
  },
  async (ctx) => {
    const { app, input, subject, actor } = ctx
    const { serial, md5, lineage, force } = input.attributes
    const id = await createStateVersion(app, subject.workspace.id, actor, {
      serial,
      md5: md5.toLowerCase(),
      lineage: lineage ?? '',
      force: force ?? false,
      runId: input.relatedId('run') ?? null,
      jsonOutputs: fromBase64('json-state-outputs', input.attributes['json-state-outputs'])?.toString('utf8') ?? null,
      state: fromBase64('state', input.attributes.state),
      jsonState: fromBase64('json-state', input.attributes['json-state']),
    })
    const created = await selectStateVersion(app.db, id)
    if (created.status !== 'pending') return one(stateVersion, created, ctx)
    const upload_url = signedUrl(app, ctx.origin, 'state-upload', id)
    const json_upload_url = signedUrl(app, ctx.origin, 'json-state-upload', id)
    return one(stateVersion, { ...created, upload_url, json_upload_url }, ctx)
  },
)

stateVersions.patch(
  '/workspaces/:workspace_id/state-versions',
  { action: 'state:create', subject: workspaceById, attributes: z.object({}), answers: 201 },
  async (ctx) => {
    const former = ctx.input.relatedId('rollback-state-version')
    if (!former) throw invalid('rollback-state-version', 'Name the state version to roll back to.')
    const id = await rollBack(ctx.app, ctx.subject.workspace.id, ctx.actor, former)
    return one(stateVersion, await selectStateVersion(ctx.app.db, id), ctx)
  },
)

stateVersions.get(
  '/workspaces/:workspace_id/current-state-version',
  { action: 'state:read', subject: workspaceById },
  async (ctx) => {
    const current = await selectCurrentStateVersion(ctx.app.db, ctx.subject.workspace.id)
    if (!current) throw problem('not_found', 'The workspace has no state yet.')
    return one(stateVersion, current, ctx)
  },
)

stateVersions.get(
  '/workspaces/:workspace_id/resources',
  { action: 'state:read', subject: workspaceById },
  async (ctx) => {
    const page = pageOf(ctx)
    const { rows, totalCount } = await selectResourcesOfWorkspace(ctx.app.db, ctx.subject.workspace.id, page)
    return many(stateResource, rows, ctx, { page, totalCount })
  },
)

const words = (value: string | string[] | undefined): string[] =>
  [value ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((word) => word.trim())
    .filter(Boolean)

/** The workspace that both filters name together. */
async function filteredWorkspace(ctx: Context) {
  const [organizationName] = words(ctx.query['filter[organization][name]'])
  const [workspaceName] = words(ctx.query['filter[workspace][name]'])
  if (!organizationName || !workspaceName) {
    throw problem('bad_request', 'filter[organization][name] and filter[workspace][name] are both required.')
  }
  const workspace = await selectOptionalWorkspaceByName(ctx.app.db, organizationName, workspaceName)
  if (!workspace) throw problem('not_found')
  return { workspace, scope: inWorkspace({ ...workspace, workspace_id: workspace.id }) }
}

stateVersions.get('/state-versions', { action: 'state:read', subject: filteredWorkspace }, async (ctx) => {
  const statuses = words(ctx.query['filter[status]'])
  const unknown = statuses.find((status) => !(stateVersionStatuses as readonly string[]).includes(status))
  if (unknown)
    throw problem(
      'bad_request',
      `filter[status]: ${JSON.stringify(unknown)} is no status. There are: ${stateVersionStatuses.join(', ')}.`,
    )
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectStateVersionsOfWorkspace(
    ctx.app.db,
    ctx.subject.workspace.id,
    { statuses },
    page,
  )
  return many(stateVersion, rows, ctx, { page, totalCount })
})

const byId = { action: 'state:read', subject: stateVersionById } as const

stateVersions.get('/state-versions/:state_version_id', byId, (ctx) => one(stateVersion, ctx.subject.stateVersion, ctx))

stateVersions.get('/state-versions/:state_version_id/download', byId, (ctx) =>
  sendState(ctx, ctx.subject.stateVersion.id),
)

stateVersions.get('/state-versions/:state_version_id/json-download', byId, (ctx) =>
  sendJsonState(ctx, ctx.subject.stateVersion.id),
)

const changes = {
  soft_delete_backing_data: softDeleteState,
  restore_backing_data: restoreState,
  permanently_delete_backing_data: deleteStateData,
}
for (const [name, change] of Object.entries(changes)) {
  stateVersions.post(
    `/state-versions/:state_version_id/actions/${name}`,
    { action: 'state:manage', subject: stateVersionById, answers: 202 },
    (ctx) => change(ctx.app, ctx.subject.stateVersion.id),
  )
}
