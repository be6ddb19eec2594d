import { readReadme } from '../../shared/configurations/readme.ts'
import { type Output, openOutput, selectOutputs } from '../../shared/states/outputs.ts'
import type { Workspace } from '../../shared/workspaces/queries.ts'
import { defineResource, type RelationshipValue, toMany, toOne } from '../jsonapi/document.ts'
import { includePaths } from '../jsonapi/include.ts'
import type { Context } from '../route.ts'
import { inWorkspace } from '../subjects.ts'

/** What a workspace shows of other objects only when `include` asks: it costs statements, or the reading of an archive. */
export interface Attached {
  outputs?: readonly Output[]
  readme?: string | null
}

export async function attach<T extends Workspace>(rows: readonly T[], ctx: Context): Promise<(T & Attached)[]> {
  const paths = includePaths(ctx)
  let attached: (T & Attached)[] = [...rows]
  if (paths.includes('outputs')) {
    const readable: string[] = []
    for (const w of rows) {
      const scope = inWorkspace({ ...w, workspace_id: w.id })
      if (w.current_state_version_id && (await ctx.access.may('state:read-outputs', scope)))
        readable.push(w.current_state_version_id)
    }
    const outputs = await selectOutputs(ctx.app.db, readable)
    attached = attached.map((w) => ({ ...w, outputs: outputs.filter((o) => o.workspace_id === w.id) }))
  }
  const [only] = rows
  // of one workspace alone: each reads an archive
  if (paths.includes('readme') && rows.length === 1 && only) {
    const scope = inWorkspace({ ...only, workspace_id: only.id })
    const id = only.current_configuration_version_id
    const mayRead = id !== null && (await ctx.access.may('configuration:read', scope))
    const readme = mayRead ? await readReadme(ctx.app, id, only.working_directory) : null
    attached = attached.map((w) => ({ ...w, readme }))
  }
  return attached
}

export const attachedRelationships = (w: Workspace & Attached): Record<string, RelationshipValue> => ({
  outputs: {
    links: { related: `/api/v2/workspaces/${w.id}/current-state-version-outputs` },
    ...(w.outputs &&
      toMany(
        'workspace-outputs',
        w.outputs.map((o) => o.id),
      )),
  },
  ...(w.readme !== undefined && { readme: toOne('workspace-readme', w.readme === null ? null : w.id) }),
})

const workspaceOutput = defineResource<Output>({
  type: 'workspace-outputs',
  id: (o) => o.id,
  attributes: (o, { app }) => ({
    name: o.name,
    sensitive: o.sensitive,
    'output-type': o.type,
    value: o.sensitive ? null : openOutput(app, o).value,
  }),
})

const workspaceReadme = defineResource<{ id: string; text: string }>({
  type: 'workspace-readme',
  id: (r) => r.id,
  attributes: (r) => ({ 'raw-markdown': r.text }),
})

export const attachedIncludes = {
  outputs: async (rows: readonly (Workspace & Attached)[]) => ({
    resource: workspaceOutput,
    rows: rows.flatMap((w) => w.outputs ?? []),
  }),
  readme: async (rows: readonly (Workspace & Attached)[]) => ({
    resource: workspaceReadme,
    rows: rows.flatMap((w) => (w.readme ? { id: w.id, text: w.readme } : [])),
  }),
}
