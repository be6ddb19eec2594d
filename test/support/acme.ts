import { publishModule, publishProvider } from '../registry/publish.ts'
import { startRun, uploadConfiguration } from './configurations.ts'
import type { TestServer } from './server.ts'
import { makeUser, password, Web } from './web.ts'
import { finish, take } from './worker.ts'

export interface Acme {
  /** Signed in as `mira`, a site admin and an owner. */
  web: Web
  workspaceId: string
  organizationId: string
  set: string
  project: string
  team: string
  pool: string
}

const text = 'A network of subnets in several zones, with its routes, gateways and the names that lead to them'

/** An organization with something on every page. */
export async function makeAcme(server: TestServer): Promise<Acme> {
  await makeUser(server, 'mira', { isSiteAdmin: true })
  await makeUser(server, 'lena')
  const web = new Web(server)
  await web.signIn('mira', password)
  await web.post('/app', { name: 'acme', email: 'ops@acme.example' })
  // a workspace may be called like a page
  for (const name of ['net', 'queue'])
    await web.post('/app/acme/new-workspace', { name, description: text, engine: 'tofu' })
  const { json } = await server.api.get('/organizations/acme/workspaces/net')
  const workspaceId: string = json.data.id
  await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  const planned = await startRun(server.api, workspaceId, { message: 'Split NAT per zone, retire the legacy gateway' })
  await finish(server.app, await take(server.app, planned, 'plan'), { additions: 12, changes: 17, destructions: 3 })
  await startRun(server.api, workspaceId, { message: 'Tag all subnets for cost reports' })
  const other = await server.api.get('/organizations/acme/workspaces/queue')
  await uploadConfiguration(server.api, other.json.data.id, { 'main.tf': '' })
  await take(server.app, await startRun(server.api, other.json.data.id, { message: 'Rolling restart' }), 'plan')

  const settings = '/app/acme/workspaces/net/settings'
  await web.post(`${settings}/tags`, { key: 'env', value: 'prod' })
  await web.post(`${settings}/sharing/add`, { workspace: 'queue' })
  const set = (
    await web.post('/app/acme/varsets', { name: 'aws defaults', description: text, reach: 'all', priority: 'on' })
  ).location!
  const some = (await web.post('/app/acme/varsets', { name: 'cloudflare', reach: 'some' })).location!
  await web.post(`${some}/apply`, { workspace: 'net' })
  await web.post(`${set}/variables/new`, { category: 'env', key: 'AWS_REGION', value: 'eu-west-1' })
  const variables = '/app/acme/workspaces/net/variables'
  await web.post(`${variables}/new`, { category: 'env', key: 'AWS_REGION', value: 'us-east-1' })
  await web.post(`${variables}/new`, { category: 'env', key: 'TOKEN', value: 'hidden', sensitive: 'on' })
  const list = '["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"]'
  await web.post(`${variables}/new`, {
    category: 'terraform',
    key: 'cidr_blocks',
    value: list,
    hcl: 'on',
    description: text,
  })

  const project = (await web.post('/app/acme/projects', { name: 'platform', description: text })).location!
  const team = (await web.post('/app/acme/teams', { name: 'operators' })).location!
  await web.post('/app/acme/members', { email: 'lena@people.example', team: team.split('/').at(-1)! })
  await web.post('/app/acme/members', { email: 'new.person@people.example', team: '' })
  await web.post(`${settings}/access`, { team: team.split('/').at(-1)!, access: 'plan' })
  const pool = (await web.post('/app/acme/agents', { name: 'eu-private' })).location!
  await publishModule(server.api, 'acme', { name: 'network', provider: 'aws' }, '1.0.0', {
    'main.tf': `variable "cidr" {\n  type = string\n  description = "${text}"\n}\nvariable "zones" {\n  type = list(string)\n  default = ["a", "b"]\n}\noutput "id" { value = 1 }`,
    'README.md': `# Network\n\nA [link](https://example.com), a [bad one](javascript:alert(1)) and <script>alert(2)</script>.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\`\`\`hcl\nmodule "x" {}\n\`\`\`\n\n- one\n- two`,
  })
  await publishProvider(server.api, 'acme', 'internal', '1.2.0')
  const organization = await server.api.get('/organizations/acme')
  return {
    web,
    workspaceId,
    organizationId: organization.json.data.attributes['external-id'],
    set,
    project,
    team,
    pool,
  }
}
