import { visibleWorkspaces } from '../shared/access/visible.ts'
import { selectOrganizationNames } from '../shared/organizations/queries.ts'
import type { Action } from '../shared/permissions.ts'
import { countUnfinishedRuns } from '../shared/runs/unfinished.ts'
import type { PageContext } from './page-route.ts'

/** More organizations than this are found on the start page. */
const SHOWN = 15

/** The top bar's switcher of organizations, and how much goes on in the present one. */
export async function barOf(ctx: PageContext, organizationId: string | undefined, allowed: ReadonlySet<Action>) {
  if (!ctx.session || ctx.isPartial) return null
  const { db } = ctx.app
  const userId = ctx.access.isSiteAdmin ? null : ctx.session.user_id
  const { present, others, hasMore } = await organizations(ctx, userId, organizationId)
  if (!present || !organizationId || !allowed.has('organization:queue'))
    return { present, others, hasMore, pulse: null }
  const counts = await countUnfinishedRuns(db, organizationId, await visibleWorkspaces(ctx.access, organizationId))
  const waiting = counts.queued + counts.pending
  return { present, others, hasMore, pulse: { running: counts.running, waiting, person: counts.person } }
}

async function organizations({ app }: PageContext, userId: string | null, presentId: string | undefined) {
  const rows = await selectOrganizationNames(app.db, { userId, firstId: presentId ?? null }, SHOWN + 2)
  const present = rows.find((o) => o.id === presentId)?.name ?? null
  const others = rows.filter((o) => o.id !== presentId).map((o) => o.name)
  return { present, others: others.slice(0, SHOWN), hasMore: others.length > SHOWN }
}
