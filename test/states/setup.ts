import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { insertUser } from '../../shared/users/users.ts'
import { type Answer, type Api, document, type TestServer } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'

export const md5Of = (bytes: string | Uint8Array): string => createHash('md5').update(bytes).digest('hex')
export const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')

export interface TestWorkspace {
  id: string
  name: string
  organization: string
}

export async function makeWorkspace(
  server: TestServer,
  attributes: Record<string, unknown> = {},
): Promise<TestWorkspace> {
  const organization = `org-${randomBytes(4).toString('hex')}`
  expectStatus(await server.api.post('/organizations', document({ name: organization, email: 'a@b.example' })), 201)
  const path = `/organizations/${organization}/workspaces`
  const made = expectStatus(await server.api.post(path, document({ name: 'main', ...attributes })), 201)
  return { id: made.json.data.id, name: 'main', organization }
}

export const lock = async (api: Api, workspaceId: string): Promise<void> =>
  void expectStatus(await api.post(`/workspaces/${workspaceId}/actions/lock`), 200)

/** A workspace that the site admin has locked. */
export async function lockedWorkspace(server: TestServer, attributes: Record<string, unknown> = {}) {
  const workspace = await makeWorkspace(server, attributes)
  await lock(server.api, workspace.id)
  return workspace
}

/** A user whose team has this access to the workspace. */
export async function userWith(
  server: TestServer,
  workspace: TestWorkspace,
  access: string,
  custom = {},
): Promise<Api> {
  const { db } = server.app
  const userId = await insertUser(db, {
    username: `u${randomBytes(4).toString('hex')}`,
    email: null,
    passwordHash: null,
  })
  const organizationId = await db.oneFirst(sql.type(z.object({ id: z.string() }))`
    select id
    from organizations
    where name = ${workspace.organization}`)
  const teamId = newId('team')
  await db.query(sql.void`
    insert into organization_memberships (id, organization_id, user_id, email, status)
    values (${newId('ou')}, ${organizationId}, ${userId}, ${`${userId}@b.example`}, 'active')`)
  await db.query(sql.void`
    insert into teams (id, organization_id, name, visibility, is_owners)
    values (${teamId}, ${organizationId}, ${teamId}, 'secret', false)`)
  await db.query(sql.void`insert into team_members (team_id, user_id) values (${teamId}, ${userId})`)
  await db.query(sql.void`
    insert into team_workspaces (id, team_id, workspace_id, access, custom)
    values (${newId('tws')}, ${teamId}, ${workspace.id}, ${access}, ${sql.jsonb(custom)})`)
  return server.as((await insertToken(db, { kind: 'user', userId })).token)
}

export const LINEAGE = randomUUID()

/** Asks for a state version without its state. */
export const announce = (
  api: Api,
  workspaceId: string,
  state: string | Uint8Array,
  attributes: Record<string, unknown> = {},
) =>
  api.post(
    `/workspaces/${workspaceId}/state-versions`,
    document({ serial: 1, lineage: LINEAGE, md5: md5Of(state), force: false, ...attributes }),
  )

/** PUT without a token, as a CLI does. */
export async function put(url: string, body: string | Uint8Array): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: body as RequestInit['body'] & {},
  })
  return { status: answer.status, text: await answer.text() }
}

/** Announces and uploads it. @returns the id of the finalized version */
export async function write(
  api: Api,
  workspaceId: string,
  state: string,
  attributes: Record<string, unknown> = {},
): Promise<string> {
  const made = expectStatus(await announce(api, workspaceId, state, attributes), 201)
  const upload = await put(made.json.data.attributes['hosted-state-upload-url'], state)
  if (upload.status !== 200) throw new Error(`upload answered ${upload.status}: ${upload.text}`)
  return made.json.data.id
}

export const current = (api: Api, workspaceId: string): Promise<Answer> =>
  api.get(`/workspaces/${workspaceId}/current-state-version`)

export const statusOf = async (api: Api, id: string): Promise<string> =>
  (await api.get(`/state-versions/${id}`)).json.data.attributes.status

export const versionCount = async (server: TestServer, workspaceId: string): Promise<number> =>
  server.app.db.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from state_versions
    where workspace_id = ${workspaceId}`)

/** Announces the whole body, sends half of it, and cuts the connection. */
export async function putAndBreak(url: string, body: Buffer): Promise<void> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(`PUT ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: ${body.length}\r\n\r\n`)
  await new Promise((resolve) => socket.write(body.subarray(0, body.length / 2), resolve))
  await new Promise((resolve) => setTimeout(resolve, 100))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.destroy()
  await closed
  await new Promise((resolve) => setTimeout(resolve, 100))
}
