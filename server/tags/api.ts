// Source: shared/api/surface.tsv (tags, tag-bindings), cli-protocol.md 4.1 "Tag step"
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { invalid, problem } from '../../shared/errors.ts'
import {
  deleteOrganizationTags,
  selectOptionalTag,
  selectOrganizationTagsPage,
} from '../../shared/tags/organization-tags.ts'
import { deleteTagBindings, selectTagBindings, type Tagged } from '../../shared/tags/queries.ts'
import { addTags, mergeTags, replaceTags, tagKeys } from '../../shared/tags/tags.ts'
import { lockWorkspaceRow, selectWorkspaces, type Workspace } from '../../shared/workspaces/queries.ts'
import { many } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes, requireMay } from '../route.ts'
import { organizationByName, projectById, workspaceById } from '../subjects.ts'
import { required, tagReferencesOf, tagsOf } from './input.ts'
import { effectiveTagBinding, effectiveTags, tag, tagBinding } from './json.ts'

export const tags = new Routes('/api/v2')

const ofWorkspace = (w: Workspace): Tagged & { workspaceId: string } => ({
  organizationId: w.organization_id,
  workspaceId: w.id,
})

/** Changes the tags of one workspace; changes of the same workspace wait for each other. */
const change = (ctx: Context, workspaceId: string, act: (tx: Tx) => Promise<unknown>): Promise<void> =>
  ctx.app.db.transaction(async (tx) => {
    if (!(await lockWorkspaceRow(tx, workspaceId))) throw problem('not_found')
    await act(tx)
  })

const plain = '/workspaces/:workspace_id/relationships/tags'

tags.get(plain, { action: 'workspace:read', subject: workspaceById }, (ctx) => {
  const page = pageOf(ctx)
  const all = ctx.subject.workspace.tag_bindings
  return many(tag, all.slice(page.offset, page.offset + page.size), ctx, { page, totalCount: all.length })
})

tags.post(plain, { action: 'workspace:tags', subject: workspaceById, plainBody: true, answers: 204 }, async (ctx) => {
  const references = required(tagReferencesOf(ctx.input.data))
  const tagged = ofWorkspace(ctx.subject.workspace)
  await change(ctx, tagged.workspaceId, async (tx) =>
    addTags(tx, tagged, await tagKeys(tx, tagged.organizationId, references)),
  )
})

tags.delete(plain, { action: 'workspace:tags', subject: workspaceById, plainBody: true, answers: 204 }, async (ctx) => {
  const references = required(tagReferencesOf(ctx.input.data))
  const present = ctx.subject.workspace.tag_bindings
  const keys = present
    .filter((b) => references.some((r) => r.id === b.tag_id || (r.name !== undefined && r.name === b.key)))
    .map((b) => b.key)
  await deleteTagBindings(ctx.app.db, ofWorkspace(ctx.subject.workspace), keys)
})

for (const path of ['/workspaces/:workspace_id/tag-bindings', '/workspaces/:workspace_id/relationships/tag-bindings']) {
  tags.get(path, { action: 'workspace:read', subject: workspaceById }, (ctx) =>
    many(tagBinding, ctx.subject.workspace.tag_bindings, ctx),
  )
}

tags.get(
  '/workspaces/:workspace_id/effective-tag-bindings',
  { action: 'workspace:read', subject: workspaceById },
  (ctx) => many(effectiveTagBinding, effectiveTags(ctx.subject.workspace), ctx),
)

for (const [method, path, write] of [
  ['patch', '/workspaces/:workspace_id/tag-bindings', mergeTags],
  ['post', '/workspaces/:workspace_id/relationships/tag-bindings', mergeTags],
  ['patch', '/workspaces/:workspace_id/relationships/tag-bindings', replaceTags],
] as const) {
  tags[method](
    path,
    { action: 'workspace:tags', subject: workspaceById, plainBody: true, answers: 200 },
    async (ctx) => {
      const given = required(tagsOf(ctx.input.data))
      const tagged = ofWorkspace(ctx.subject.workspace)
      await change(ctx, tagged.workspaceId, (tx) => write(tx, tagged, given))
      return many(tagBinding, await selectTagBindings(ctx.app.db, tagged), ctx)
    },
  )
}

for (const [method, path, write] of [
  ['patch', '/projects/:project_id/tag-bindings', mergeTags],
  ['post', '/projects/:project_id/relationships/tag-bindings', mergeTags],
  ['patch', '/projects/:project_id/relationships/tag-bindings', replaceTags],
] as const) {
  tags[method](path, { action: 'project:update', subject: projectById, plainBody: true, answers: 200 }, async (ctx) => {
    const given = required(tagsOf(ctx.input.data))
    const { id, organization_id } = ctx.subject.project
    const tagged = { organizationId: organization_id, projectId: id }
    await ctx.app.db.transaction((tx) => write(tx, tagged, given))
    return many(tagBinding, await selectTagBindings(ctx.app.db, tagged), ctx)
  })
}

for (const path of ['/projects/:project_id/tag-bindings', '/projects/:project_id/relationships/tag-bindings']) {
  tags.get(path, { action: 'project:read', subject: projectById }, (ctx) =>
    many(tagBinding, ctx.subject.project.tag_bindings, ctx),
  )
}

tags.get('/projects/:project_id/effective-tag-bindings', { action: 'project:read', subject: projectById }, (ctx) =>
  many(
    effectiveTagBinding,
    ctx.subject.project.tag_bindings.map((b) => ({ ...b, inheritedFrom: null })),
    ctx,
  ),
)

const text = (value: string | string[] | undefined): string | null => (typeof value === 'string' && value) || null

tags.get('/organizations/:organization_name/tags', { action: 'tag:read', subject: organizationByName }, async (ctx) => {
  const page = pageOf(ctx)
  const filter = { q: text(ctx.query.q), withoutWorkspaceId: text(ctx.query['filter[exclude][taggable][id]']) }
  const { rows, totalCount } = await selectOrganizationTagsPage(ctx.app.db, ctx.subject.organization.id, filter, page)
  return many(tag, rows, ctx, { page, totalCount })
})

tags.delete(
  '/organizations/:organization_name/tags',
  { action: 'tag:manage', subject: organizationByName, plainBody: true, answers: 204 },
  async (ctx) => {
    const ids = required(tagReferencesOf(ctx.input.data)).flatMap(({ id }) => id ?? [])
    await deleteOrganizationTags(ctx.app.db, ctx.subject.organization.id, ids)
  },
)

async function tagById(ctx: Context) {
  const found = await selectOptionalTag(ctx.app.db, ctx.params.tag_id!)
  if (!found) throw problem('not_found')
  return { tag: found, scope: { organizationId: found.organization_id } }
}

const Workspaces = z
  .array(z.object({ id: z.string() }))
  .min(1)
  .max(100)

tags.post(
  '/tags/:tag_id/relationships/workspaces',
  { action: 'tag:read', subject: tagById, plainBody: true, answers: 204 },
  async (ctx) => {
    const { organization_id: organizationId, key } = ctx.subject.tag
    const parsed = Workspaces.safeParse(ctx.input.data)
    if (!parsed.success) throw problem('bad_request', 'A list of at most 100 workspaces with their ids is expected.')
    const ids = [...new Set(parsed.data.map((w) => w.id))].sort()
    const rows = await selectWorkspaces(ctx.app.db, ids)
    for (const id of ids) {
      const w = rows.find((row) => row.id === id && row.organization_id === organizationId)
      if (!w) throw invalid('workspaces', `Workspace ${id} does not exist in this organization`)
      await requireMay(ctx.access, 'workspace:tags', { organizationId, projectId: w.project_id, workspaceId: id })
    }
    await ctx.app.db.transaction(async (tx) => {
      for (const workspaceId of ids) {
        if (!(await lockWorkspaceRow(tx, workspaceId))) throw problem('not_found')
        await addTags(tx, { organizationId, workspaceId }, [key])
      }
    })
  },
)
