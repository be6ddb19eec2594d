import { deleteAgentRow, selectAgentsOfPool, selectOptionalAgent } from '../../shared/agents/agents.ts'
import { createAgentPool, deleteAgentPool, updateAgentPool } from '../../shared/agents/pool-changes.ts'
import { type AgentPool, selectAgentPool, selectAgentPoolsPage } from '../../shared/agents/pools.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { deleteToken, selectOptionalToken, selectTokensOfPool } from '../../shared/tokens/tokens.ts'
import { selectOptionalWorkspaceByName, selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import type { Context, Subject } from '../route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'
import { tokenOfForm } from '../tokens/shown-once.ts'
import { agentPoolById, visibleTo } from './subject.ts'

export const agentPages = new PageRoutes()

const list = '/app/:organization_name/agents'
const one = `${list}/:agent_pool_id`

async function drawList(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const filter = { q: null, allowedWorkspaceName: null, allowedProjectName: null, sort: 'name' } as const
  const visible = await visibleTo(ctx, organization.id)
  const { rows, totalCount } = await selectAgentPoolsPage(ctx.app.db, organization.id, visible, filter, page)
  const values = { name: '' }
  await ctx.render('agents/list', { organization, pools: rows, totalCount, page, values, error: null, ...more })
}

agentPages.get(list, { action: 'agent-pool:read', subject: organizationByName }, (ctx) => drawList(ctx))

agentPages.post(list, { action: 'agent-pool:manage', subject: organizationByName }, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const values = { name: form.line('name') }
  await orDrawAgain(
    ctx,
    async () => {
      const id = await createAgentPool(app, organization.id, values)
      ctx.redirect(`/app/${organization.name}/agents/${id}`, {
        tone: 'green',
        text: `Made ${values.name}. Make a token now, then start an agent with it.`,
      })
    },
    (error) => drawList(ctx, { values, error }),
  )
})

interface PoolSubject extends Subject {
  pool: AgentPool
}

async function poolOfPath(ctx: Context): Promise<PoolSubject> {
  const { pool: found, scope } = await agentPoolById(ctx)
  const pool = await selectAgentPool(ctx.app.db, found.id, await visibleTo(ctx, found.organization_id))
  if (pool.organization_name.toLowerCase() !== ctx.params.organization_name!.toLowerCase()) throw problem('not_found')
  return { pool, scope }
}

const href = ({ pool }: PoolSubject) => `/app/${pool.organization_name}/agents/${pool.id}`

async function draw(ctx: PageContext & { subject: PoolSubject }, more: Record<string, unknown> = {}): Promise<void> {
  const { app, access, subject } = ctx
  const { pool } = subject
  const page = pageOf(ctx)
  const agents = await selectAgentsOfPool(app.db, pool.id, null, page)
  const mayManage = await access.may('agent-pool:manage', subject.scope)
  const tokens = mayManage ? (await selectTokensOfPool(app.db, pool.id, { size: 100, offset: 0 })).rows : []
  const [allowed, using] = await Promise.all([
    selectWorkspaces(app.db, pool.allowed_workspace_ids.slice(0, 200)),
    selectWorkspaces(app.db, pool.workspace_ids.slice(0, 50)),
  ])
  await ctx.render('agents/show', {
    pool,
    agents: agents.rows,
    totalCount: agents.totalCount,
    page,
    tokens,
    allowed,
    using,
    values: { name: pool.name, workspace: '', description: '' },
    made: null,
    error: null,
    ...more,
  })
}

const managed = { action: 'agent-pool:manage', subject: poolOfPath } as const

agentPages.get(one, { action: 'agent-pool:read', subject: poolOfPath }, (ctx) => draw(ctx))

agentPages.post(one, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const values = { name: form.line('name'), workspace: '', description: '' }
  await orDrawAgain(
    ctx,
    async () => {
      await updateAgentPool(app, subject.pool, {
        name: values.name,
        organizationScoped: form.line('scope') === 'organization',
      })
      ctx.redirect(href(subject), { tone: 'green', text: 'Saved.' })
    },
    (error) => draw(ctx, { values, error }),
  )
})

agentPages.post(`${one}/allow`, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const { pool } = subject
  const name = form.line('workspace')
  await orDrawAgain(
    ctx,
    async () => {
      const found = await selectOptionalWorkspaceByName(app.db, pool.organization_name, name)
      if (!found) throw invalid('workspace', `There is no workspace “${name}” in this organization.`)
      await updateAgentPool(app, pool, { allowedWorkspaces: [...pool.allowed_workspace_ids, found.id] })
      ctx.redirect(href(subject), { tone: 'green', text: `${found.name} may use the pool now.` })
    },
    (error) => draw(ctx, { values: { name: pool.name, workspace: name, description: '' }, error }),
  )
})

agentPages.post(`${one}/disallow`, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const left = subject.pool.allowed_workspace_ids.filter((id) => id !== form.line('id'))
  await updateAgentPool(app, subject.pool, { allowedWorkspaces: left })
  ctx.redirect(href(subject), { tone: 'green', text: 'It may no longer use the pool.' })
})

agentPages.post(`${one}/tokens`, managed, async (ctx) => {
  const { pool } = ctx.subject
  const token = { kind: 'agent', agentPoolId: pool.id, organizationId: pool.organization_id } as const
  await orDrawAgain(
    ctx,
    async () => draw(ctx, { made: await tokenOfForm(ctx, token) }),
    (error) => draw(ctx, { error }),
  )
})

agentPages.post(`${one}/tokens/:token_id/revoke`, managed, async (ctx) => {
  const token = await selectOptionalToken(ctx.app.db, ctx.params.token_id!)
  if (token?.agent_pool_id !== ctx.subject.pool.id) throw problem('not_found')
  await deleteToken(ctx.app.db, token.id)
  ctx.redirect(href(ctx.subject), { tone: 'green', text: 'Revoked. Agents that use it are refused from now on.' })
})

agentPages.post(`${one}/forget/:agent_id`, managed, async (ctx) => {
  const agent = await selectOptionalAgent(ctx.app.db, ctx.params.agent_id!)
  if (agent?.agent_pool_id !== ctx.subject.pool.id) throw problem('not_found')
  if (agent.status === 'idle' || agent.status === 'busy')
    throw problem('conflict', `The agent is ${agent.status}. Stop it first, or revoke its token.`)
  await deleteAgentRow(ctx.app.db, agent.id)
  ctx.redirect(href(ctx.subject), { tone: 'green', text: `Removed ${agent.name} from the list.` })
})

agentPages.post(`${one}/delete`, managed, async (ctx) => {
  const { app, form, subject } = ctx
  const { pool } = subject
  await orDrawAgain(
    ctx,
    async () => {
      if (form.line('confirm') !== pool.name) throw invalid('confirm', `That is not ${pool.name}. Nothing was deleted.`)
      await deleteAgentPool(app, pool.id)
      ctx.redirect(`/app/${pool.organization_name}/agents`, { tone: 'green', text: `Deleted ${pool.name}.` })
    },
    (error) => draw(ctx, { error }),
  )
})
