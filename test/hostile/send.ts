import { type Agent, request } from 'node:http'
import { type SignedPurpose, signedUrl } from '../../shared/signed-url.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { makeWorld, neverIds, orX, pathIn, type World } from '../security/world.ts'
import { makeWorkspace } from '../support/people.ts'
import type { TestServer } from '../support/server.ts'
import { document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'
import type { HostileRequest } from './requests.ts'

export interface Target {
  world: World
  never: Record<string, string>
  tokens: Record<HostileRequest['caller'], string | null>
  /** Paths with right signatures, used in turn. */
  signed: string[]
  turn: number
}

export interface Outcome {
  status: number
  text: string
}

/** An organization with one of everything, and who attacks it. */
export async function makeTarget(server: TestServer): Promise<Target> {
  // what an earlier request has set would answer instead of the routes
  expectStatus(await server.api.patch('/admin/general-settings', document({ 'api-rate-limiting-enabled': false })), 200)
  const world = await makeWorld(server)
  const member = await insertToken(server.app.db, { kind: 'user', userId: world.member.userId })
  const pool = await server.api.post(
    `/agent-pools/${world.ids.agent_pool_id}/authentication-tokens`,
    document({ description: 'hostile' }),
  )
  const { data } = expectStatus(
    await server.api.post(
      '/admin/opa-versions',
      document({ version: `0.0.${Date.now()}`, url: 'https://opa.example.com/opa', sha: 'a'.repeat(64) }),
    ),
    201,
  ).json
  world.ids = orX({ ...world.ids, version_id: data.id })
  return {
    world,
    never: orX(neverIds(world.ids)),
    signed: await signedPaths(server, world),
    turn: 0,
    tokens: {
      admin: server.siteToken,
      member: member.token,
      agent: expectStatus(pool, 201).json.data.attributes.token,
      nobody: null,
      wrong: 'x.y.z',
    },
  }
}

async function signedPaths(server: TestServer, { ids, organization }: World): Promise<string[]> {
  const workspace = `/workspaces/${(await makeWorkspace(server, organization)).id}`
  const versions = await Promise.all(
    [1, 2].map(() => server.api.post(`${workspace}/configuration-versions`, document({ 'auto-queue-runs': false }))),
  )
  await server.api.post(`${workspace}/actions/lock`)
  const states = await Promise.all(
    [50, 51].map((serial) =>
      server.api.post(`${workspace}/state-versions`, document({ serial, md5: 'd41d8cd98f00b204e9800998ecf8427e' })),
    ),
  )
  const upload = states.map((answer) => expectStatus(answer, 201).json.data.id as string)
  const sign = (purpose: SignedPurpose, id: string | undefined) =>
    new URL(signedUrl(server.app, server.url, purpose, id!)).pathname
  return [
    ...versions.map((answer) => sign('configuration-upload', expectStatus(answer, 201).json.data.id)),
    ...upload.flatMap((id) => [sign('state-upload', id), sign('json-state-upload', id)]),
    ...(['state-download', 'json-state-download'] as const).map((purpose) => sign(purpose, ids.state_version_id)),
    ...['plans/:id', 'applies/:id'].map((key) => sign('log', ids[key])),
    sign('policies-upload', ids.policy_set_version_id),
  ]
}

/** After its success the names of the world may be wrong. */
export const changesOrganization = ({ method, path }: HostileRequest): boolean =>
  method !== 'GET' && /\/organizations\/:organization_name$/.test(path)

/** fetch tidies paths up; what arrives must be what was generated. */
export function send(server: TestServer, target: Target, hostile: HostileRequest, agent?: Agent): Promise<Outcome> {
  const { ids } = target.world
  const signed = hostile.path === '/_signed/:purpose/:id/:expires/:signature' && hostile.ids.signature?.kind === 'right'
  const route = signed ? target.signed[target.turn++ % target.signed.length]! : hostile.path
  const path = route.replaceAll(/:(\w+)/g, (whole, name: string) => {
    const chosen = hostile.ids[name]!
    if (chosen.kind === 'raw') return chosen.text
    return pathIn(hostile.path, chosen.kind === 'right' ? ids : target.never, whole)
  })
  const query = hostile.query
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
    .join('&')
  const body = hostile.body?.replaceAll(/<<([^>]+)>>/g, (_, key: string) => ids[key]!)
  const token = target.tokens[hostile.caller]
  const url = new URL(server.url)
  return new Promise((resolve, reject) => {
    const req = request(
      {
        host: url.hostname,
        port: url.port,
        method: hostile.method,
        path: path + (query && `?${query}`),
        headers: {
          ...hostile.headers,
          ...(token && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
        },
        ...(agent && { agent }),
      },
      (res) => {
        const parts: Buffer[] = []
        res.on('data', (part: Buffer) => parts.push(part))
        res.on('end', () => resolve({ status: res.statusCode!, text: Buffer.concat(parts).toString('utf8') }))
        res.on('error', reject)
      },
    )
    req.on('error', (error) => {
      // an answer that came before the whole body was read closes the connection
      reject(new Error(`${hostile.method} ${path}: ${error.message}`))
    })
    // an agent's question for work waits until there is some: this one leaves
    if (route.endsWith('/take')) {
      setTimeout(() => {
        resolve({ status: 0, text: 'left' })
        req.destroy()
      }, 100)
    }
    req.end(body)
  })
}
