import type { Agent } from '../../shared/agents/agents.ts'
import type { AgentPool } from '../../shared/agents/pools.ts'
import { selectWorkspaces } from '../../shared/workspaces/queries.ts'
import { defineResource, toMany, toOne } from '../jsonapi/document.ts'
import { workspace } from '../workspaces/json.ts'

export const agentPool = defineResource<AgentPool>({
  type: 'agent-pools',
  id: (p) => p.id,
  attributes: (p) => ({
    name: p.name,
    'agent-count': p.agent_count,
    'organization-scoped': p.organization_scoped,
    'concurrent-run-limit': p.concurrent_run_limit,
    'created-at': p.created_at,
  }),
  relationships: (p) => ({
    organization: toOne('organizations', p.organization_name),
    workspaces: toMany('workspaces', p.workspace_ids),
    'allowed-workspaces': toMany('workspaces', p.allowed_workspace_ids),
    'excluded-workspaces': toMany('workspaces', p.excluded_workspace_ids),
    'allowed-projects': toMany('projects', p.allowed_project_ids),
    agents: { links: { related: `/api/v2/agent-pools/${p.id}/agents` } },
    'authentication-tokens': { links: { related: `/api/v2/agent-pools/${p.id}/authentication-tokens` } },
  }),
  links: (p) => ({ self: `/api/v2/agent-pools/${p.id}` }),
  includes: {
    workspaces: async (rows, { app }) => ({
      resource: workspace,
      rows: await selectWorkspaces(
        app.db,
        rows.flatMap((p) => p.workspace_ids),
      ),
    }),
  },
})

export const agent = defineResource<Agent>({
  type: 'agents',
  id: (a) => a.id,
  attributes: (a) => ({
    name: a.name,
    status: a.status,
    'ip-address': a.address,
    'last-ping-at': a.last_ping_at,
    'created-at': a.created_at,
    version: a.version,
    labels: a.labels,
    engines: a.engines,
    concurrency: a.concurrency,
  }),
  relationships: (a) => ({ 'agent-pool': toOne('agent-pools', a.agent_pool_id) }),
  links: (a) => ({ self: `/api/v2/agents/${a.id}` }),
})
