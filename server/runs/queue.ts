// Source: shared/api/cli-protocol.md 4.4: a 404 on any of these aborts the CLI.
import { visibleWorkspaces } from '../../shared/access/visible.ts'
import { selectCapacity, selectQueue } from '../../shared/runs/queue.ts'
import { many, one } from '../jsonapi/answer.ts'
import { defineResource } from '../jsonapi/document.ts'
import { pageOf } from '../jsonapi/page.ts'
import { Routes } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { run } from './json.ts'

export const queue = new Routes('/api/v2')

queue.get(
  '/organizations/:organization_name/runs/queue',
  { action: 'organization:queue', subject: organizationByName },
  async (ctx) => {
    const { app, access, subject } = ctx
    const page = pageOf(ctx)
    const visible = await visibleWorkspaces(access, subject.organization.id)
    const { rows, totalCount } = await selectQueue(app.db, subject.organization.id, visible, page)
    return many(run, rows, ctx, { page, totalCount })
  },
)

const capacity = defineResource<{ name: string; pending: number; running: number }>({
  type: 'organization-capacity',
  id: (c) => c.name,
  attributes: ({ pending, running }) => ({ pending, running }),
})

queue.get(
  '/organizations/:organization_name/capacity',
  { action: 'organization:queue', subject: organizationByName },
  async (ctx) => {
    const { organization } = ctx.subject
    return one(capacity, { name: organization.name, ...(await selectCapacity(ctx.app.db, organization.id)) }, ctx)
  },
)
