// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#lock-a-workspace; cli-protocol.md 2.3, 4.7
import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../../shared/app.ts'
import { invalid, problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import { acknowledgeState } from '../../shared/states/doubt.ts'
import { forceUnlockWorkspace, type LockHolder, lockWorkspace, unlockWorkspace } from '../../shared/workspaces/lock.ts'
import { selectWorkspace } from '../../shared/workspaces/queries.ts'
import { one } from '../jsonapi/answer.ts'
import { type Context, Routes } from '../route.ts'
import { workspaceById, workspaceByName } from '../subjects.ts'
import { workspace } from './json.ts'

export const workspaceLocks = new Routes('/api/v2')

/** An organization token acts for the owners: it locks as their team. */
async function holderOf({ actor, app }: Context): Promise<LockHolder> {
  if (actor.kind === 'user') return { userId: actor.userId }
  if (actor.kind === 'team') return { teamId: actor.teamId }
  if (actor.kind !== 'organization') throw problem('forbidden')
  const teamId = await app.db.oneFirst(sql.type(z.object({ id: z.string() }))`
    select id
    from teams
    where organization_id = ${actor.organizationId} and is_owners`)
  return { teamId }
}

/** `{"data":{"attributes":{"reason"}}}` as go-tfe sends it, or `{"reason"}` as the documentation has it; or nothing. */
const Reason = z.object({
  reason: z.string().nullish(),
  data: z.object({ attributes: z.object({ reason: z.string().nullish() }).nullish() }).nullish(),
})

function reasonOf(raw: unknown): string {
  const parsed = Reason.safeParse(raw ?? {})
  if (!parsed.success) throw problem('bad_request', 'The reason must be a text.')
  const reason = parsed.data.reason ?? parsed.data.data?.attributes?.reason ?? ''
  if (reason.length > 1000) throw invalid('reason', 'Reason is too long (maximum is 1000 characters)')
  return reason
}

type Act = (app: App, tx: Tx, id: string, holder: LockHolder, reason: string) => Promise<void>

const acts: [name: string, action: Action, act: Act][] = [
  ['lock', 'workspace:lock', (_, tx, id, holder, reason) => lockWorkspace(tx, id, holder, reason)],
  ['unlock', 'workspace:unlock', (app, tx, id, holder) => unlockWorkspace(app, tx, id, holder)],
  ['force-unlock', 'workspace:force-unlock', (app, tx, id) => forceUnlockWorkspace(app, tx, id)],
]

/** Ours: a person has compared state and reality after a lost apply. */
workspaceLocks.post(
  '/workspaces/:workspace_id/actions/acknowledge-state',
  { action: 'run:apply', subject: workspaceById, plainBody: true, answers: 200 },
  async (ctx) => {
    const { id } = ctx.subject.workspace
    await acknowledgeState(ctx.app.db, id)
    return one(workspace, await selectWorkspace(ctx.app.db, id), ctx)
  },
)

for (const [path, subject] of [
  ['/workspaces/:workspace_id', workspaceById],
  ['/organizations/:organization_name/workspaces/:workspace_name', workspaceByName],
] as const) {
  for (const [name, action, act] of acts) {
    workspaceLocks.post(`${path}/actions/${name}`, { action, subject, plainBody: true, answers: 200 }, async (ctx) => {
      const { id } = ctx.subject.workspace
      const holder = await holderOf(ctx)
      const reason = reasonOf(ctx.input.raw)
      const changed = await ctx.app.db.transaction(async (tx) => {
        await act(ctx.app, tx, id, holder, reason)
        return selectWorkspace(tx, id)
      })
      return one(workspace, changed, ctx)
    })
  }
}
