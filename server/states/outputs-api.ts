// Source: shared/api/surface.tsv (state-version-outputs), https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-version-outputs
import { problem } from '../../shared/errors.ts'
import { selectOptionalOutput, selectOutputs } from '../../shared/states/outputs.ts'
import { type StateVersion, selectCurrentStateVersion } from '../../shared/states/queries.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { inWorkspace, stateVersionById, workspaceById } from '../subjects.ts'
import { output, outputInList } from './output-json.ts'

export const stateOutputs = new Routes('/api/v2')

/** A large state that is not read yet: clients try again on 503. */
function requireOutputs(version: StateVersion): void {
  if (version.status === 'finalized' && !version.resources_processed && version.output_ids.length === 0) {
    throw problem('unavailable', 'The outputs of this state are being read. Try again in a moment.')
  }
}

// not paged: the CLI reads one page and takes it for all. No state is no outputs, not an error (cli-protocol.md 4.7).
stateOutputs.get(
  '/workspaces/:workspace_id/current-state-version-outputs',
  { action: 'state:read-outputs', subject: workspaceById },
  async (ctx) => {
    const current = await selectCurrentStateVersion(ctx.app.db, ctx.subject.workspace.id)
    if (!current) return many(outputInList, [], ctx)
    requireOutputs(current)
    return many(outputInList, await selectOutputs(ctx.app.db, [current.id]), ctx)
  },
)

stateOutputs.get(
  '/state-versions/:state_version_id/outputs',
  { action: 'state:read-outputs', subject: stateVersionById },
  async (ctx) => {
    const { stateVersion } = ctx.subject
    requireOutputs(stateVersion)
    const page = pageOf(ctx)
    const totalCount = stateVersion.status === 'finalized' ? stateVersion.output_ids.length : 0
    // with sensitive values, as the official client expects them here, and only here, in a list
    return many(output, await selectOutputs(ctx.app.db, [stateVersion.id], page), ctx, { page, totalCount })
  },
)

async function outputById(ctx: Context) {
  const found = await selectOptionalOutput(ctx.app.db, ctx.params.state_version_output_id!)
  if (!found) throw problem('not_found')
  return { output: found, scope: inWorkspace(found) }
}

stateOutputs.get(
  '/state-version-outputs/:state_version_output_id',
  { action: 'state:read-outputs', subject: outputById },
  (ctx) => one(output, ctx.subject.output, ctx),
)
