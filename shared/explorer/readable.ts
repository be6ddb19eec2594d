import type { FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { Access } from '../access/access.ts'
import { visibleWorkspaces } from '../access/visible.ts'

const WorkspaceRow = z.object({ id: z.string(), project_id: z.string() })
/** Workspaces that are looked at one by one for somebody who does not see all of them. */
const MOST = 10_000

/** A condition on workspaces `w` that holds for those whose states the caller may read: seeing one is not enough. */
export async function withReadableState(tx: Tx, access: Access, organizationId: string): Promise<FragmentSqlToken> {
  if ((await access.isOwner(organizationId)) || (await access.hasFlag(organizationId, 'read-workspaces')))
    return sql.fragment`true`
  const rows = await tx.any(sql.type(WorkspaceRow)`
    select w.id, w.project_id
    from workspaces w
    where w.organization_id = ${organizationId} and ${await visibleWorkspaces(access, organizationId)}
    order by w.id
    limit ${MOST}`)
  const scopes = rows.map((w) => ({ organizationId, projectId: w.project_id, workspaceId: w.id }))
  await access.preloadWorkspaces(scopes)
  const ids: string[] = []
  for (const scope of scopes) if (await access.may('state:read', scope)) ids.push(scope.workspaceId)
  return sql.fragment`w.id = any(${sql.array(ids, 'text')})`
}
