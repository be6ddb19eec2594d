import { selectConfigurations } from '../../shared/configurations/queries.ts'
import { selectRuns } from '../../shared/runs/queries.ts'
import { signedUrl } from '../../shared/signed-url.ts'
import { selectOutputs } from '../../shared/states/outputs.ts'
import { isReadable, type StateVersion } from '../../shared/states/queries.ts'
import type { Resource } from '../../shared/states/resources.ts'
import { selectUsers } from '../../shared/users/users.ts'
import { configuration } from '../configurations/json.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import type { Context } from '../route.ts'
import { run } from '../runs/json.ts'
import { inWorkspace } from '../subjects.ts'
import { user } from '../users/json.ts'
import { outputInList } from './output-json.ts'

type Row = StateVersion & { upload_url?: string; json_upload_url?: string }

/** Addresses of its bytes are proof enough to read them: only who may read states gets them. */
async function addresses(version: Row, ctx: Context) {
  const mayRead = isReadable(version) && (await ctx.access.may('state:read', inWorkspace(version)))
  const url = (purpose: 'state-download' | 'json-state-download') => signedUrl(ctx.app, ctx.origin, purpose, version.id)
  return {
    'hosted-state-download-url': mayRead ? url('state-download') : null,
    'hosted-json-state-download-url': mayRead && version.json_blob_id ? url('json-state-download') : null,
    'hosted-state-upload-url': version.upload_url ?? null,
    'hosted-json-state-upload-url': version.json_upload_url ?? null,
  }
}

const runsOf = async (rows: readonly Row[], { app, access }: Context) =>
  rows[0] && (await access.may('run:read', inWorkspace(rows[0])))
    ? selectRuns(
        app.db,
        rows.flatMap((v) => v.run_id ?? []),
      )
    : []

const users = async (ids: readonly (string | null)[], { app }: Context) => ({
  resource: user,
  rows: await selectUsers(
    app.db,
    ids.flatMap((id) => id ?? []),
  ),
})

/** Upload addresses are there in the answer to its creation only. */
export const stateVersion = defineResource<Row>({
  type: 'state-versions',
  id: (v) => v.id,
  attributes: async (v, ctx) => ({
    'created-at': v.created_at,
    serial: v.serial,
    lineage: v.lineage || null,
    md5: v.md5,
    size: v.size_bytes,
    status: v.status,
    intermediate: v.intermediate,
    ...(await addresses(v, ctx)),
    'state-version': 4,
    'terraform-version': v.engine_version || null,
    'resources-processed': v.resources_processed,
    'billable-rum-count': v.resources_processed ? v.resource_count : null,
    modules: v.modules,
    providers: v.providers,
    resources: v.resources,
    'vcs-commit-sha': null,
    'vcs-commit-url': null,
  }),
  relationships: (v) => ({
    run: toOne('runs', v.run_id),
    'created-by': toOne('users', v.created_by),
    workspace: toOne('workspaces', v.workspace_id),
    outputs: toMany('state-version-outputs', v.output_ids),
  }),
  links: (v) => ({ self: `/api/v2/state-versions/${v.id}` }),
  includes: {
    outputs: async (rows, { app }) => ({
      resource: outputInList,
      rows: await selectOutputs(
        app.db,
        rows.map((v) => v.id),
      ),
    }),
    'created-by': (rows, ctx) =>
      users(
        rows.map((v) => v.created_by),
        ctx,
      ),
    run: async (rows, ctx) => ({ resource: run, rows: await runsOf(rows, ctx) }),
    'run.created-by': async (rows, ctx) => {
      const runs = await runsOf(rows, ctx)
      return [
        { resource: run, rows: runs },
        await users(
          runs.map((r) => r.created_by),
          ctx,
        ),
      ]
    },
    'run.configuration-version': async (rows, ctx) => {
      const runs = await runsOf(rows, ctx)
      const ids = runs.flatMap((r) => r.configuration_version_id ?? [])
      return [
        { resource: run, rows: runs },
        { resource: configuration, rows: await selectConfigurations(ctx.app.db, ids) },
      ]
    },
  },
})

/** `provider["registry.terraform.io/hashicorp/null"]` → `hashicorp/null` */
const providerName = (provider: string): string => /\["(?:[^"/]+\/)?([^"]+)"\]/.exec(provider)?.[1] ?? provider

/** `module.a.module.b.null_resource.c` → `a.b.null_resource.c`: as HCP writes the addresses in this list */
const withoutModuleWords = (address: string): string => address.replace(/(^|\.)module\./g, '$1')

export const stateResource = defineResource<Resource>({
  type: 'resources',
  id: (r) => r.id,
  attributes: (r) => ({
    address: withoutModuleWords(r.address),
    name: r.name,
    'created-at': r.created_at,
    'updated-at': r.created_at,
    module: withoutModuleWords(r.module),
    provider: providerName(r.provider),
    'provider-type': r.type,
    'modified-by-state-version-id': r.state_version_id,
    'name-index': null,
    count: r.instance_count,
  }),
})
