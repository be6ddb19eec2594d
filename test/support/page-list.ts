import { pageRoutes } from '../../server/page-routes.ts'
import { pathIn } from '../security/world.ts'
import type { Showcase } from './showcase.ts'

/** What is asked with GET below /app and is no page of its own, each with the reason. */
export const notPages: Readonly<Record<string, string>> = {
  '/app/login/:provider': 'leads to an identity provider',
  '/app/login/:provider/callback': 'leads on from an identity provider',
  '/app/settings/tokens': 'leads to the tokens of the account',
  '/app/:organization_name': 'leads to its workspaces',
  '/app/:organization_name/registry': 'leads to its modules',
  '/app/:organization_name/settings': 'leads to the first section',
  '/app/:organization_name/workspaces/:workspace_name/settings': 'leads to the first section',
  '/app/:organization_name/:workspace_name': 'a short address, leads to the long one',
  '/app/:organization_name/:workspace_name/runs': 'a short address, leads to the long one',
  '/app/:organization_name/:workspace_name/runs/:run_id': 'a short address, leads to the long one',
  '/app/:organization_name/:workspace_name/variables': 'a short address, leads to the long one',
  '/app/:organization_name/queue/live': 'a stream of events',
  '/app/:organization_name/runs/live': 'a stream of events',
  '/app/:organization_name/workspaces/:workspace_name/runs/:run_id/live': 'a stream of events',
  '/app/:organization_name/explorer.csv': 'a file',
  '/app/:organization_name/audit.csv': 'a file',
  '/app/:organization_name/workspaces/:workspace_name/runs/:run_id/json': 'a file',
  '/app/:organization_name/workspaces/:workspace_name/runs/:run_id/plan-log': 'a file',
  '/app/:organization_name/workspaces/:workspace_name/runs/:run_id/apply-log': 'a file',
  '/app/:organization_name/workspaces/:workspace_name/states/:state/download': 'a file',
}

/** Pages that say something only when they are asked something. */
const asks: Readonly<Record<string, string>> = {
  '/app/search': '?q=net',
  '/oauth/authorize': `?${new URLSearchParams({
    client_id: 'terraform-cli',
    response_type: 'code',
    redirect_uri: 'http://localhost:10001/login',
    state: 'abc',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })}`,
  '/app/:organization_name/workspaces/:workspace_name/states/:state/resource': '?address=terraform_data.subnet_1',
}

/** Pages for who is not signed in. */
const forStrangers = ['/app/login', '/app/invitation/:code']

export interface Page {
  /** Of a route: its path; else what it shows. */
  name: string
  path: string
  status: number
  isForStrangers: boolean
}

/** One page of each route that draws one. @throws for a parameter that the showcase has nothing for */
export const pagesOfRoutes = ({ ids }: Showcase): Page[] =>
  pageRoutes
    .filter(({ method, path }) => method === 'get' && !notPages[path])
    .map(({ path }) => ({
      name: path,
      path: pathIn(path, ids) + (asks[path] ?? ''),
      status: 200,
      isForStrangers: forStrangers.includes(path),
    }))

/** The same pages in other states: runs on their way, an organization without anything, what is refused. */
export function furtherPages({ runs }: Showcase): Page[] {
  const base = '/app/acme/workspaces'
  const main = `${base}/network-prod`
  const planned = `${main}/runs/${runs.planned!.id}`
  const pages: Record<string, string> = {
    ...Object.fromEntries(
      Object.entries(runs).map(([state, { workspace, id }]) => [`run ${state}`, `${base}/${workspace}/runs/${id}`]),
    ),
    ...Object.fromEntries(
      ['overview', 'workspaces', 'queue', 'runs', 'projects', 'registry/modules', 'registry/providers', 'explorer']
        .concat(['varsets', 'agents', 'teams', 'members', 'audit'])
        .concat(['tokens', 'tags', 'ssh-keys', 'tasks', 'policies'].map((section) => `settings/${section}`))
        .map((page) => [`quiet ${page}`, `/app/quiet/${page}`]),
    ),
    ...Object.fromEntries(
      ['', '/runs', '/states', '/variables']
        .concat(['tags', 'triggers', 'notifications', 'tasks', 'access'].map((section) => `/settings/${section}`))
        .map((page) => [`quiet workspace ${page}`, `/app/quiet/workspaces/first${page}`]),
    ),
    'states compared': `${main}/states/41...43`,
    'plan filtered': `${planned}/plan?action=destroy`,
    'plan by module': `${planned}/plan?group=module`,
    'log searched': `${planned}/log/plan?q=bastion`,
    'log failed': `${base}/network-prod/runs/${runs.failed!.id}/log/plan`,
    'workspaces filtered': '/app/acme/workspaces?q=nothing-like-this',
    'explorer types': '/app/acme/explorer?kind=types',
    'explorer providers': '/app/acme/explorer?kind=providers',
    'explorer modules': '/app/acme/explorer?kind=modules',
    'search empty': '/app/search?q=nothing-like-this',
    'consent refused': '/oauth/authorize?client_id=other',
    'not there': '/app/acme/workspaces/nowhere',
  }
  const refused: Record<string, number> = { 'consent refused': 400, 'not there': 404 }
  return Object.entries(pages).map(([name, path]) => ({
    name,
    path,
    status: refused[name] ?? 200,
    isForStrangers: false,
  }))
}
