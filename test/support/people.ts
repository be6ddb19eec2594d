import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { newId, randomText } from '../../shared/ids.ts'
import { insertToken } from '../../shared/tokens/tokens.ts'
import { insertUser } from '../../shared/users/users.ts'
import { type Api, document, type TestServer } from './server.ts'

const Id = z.object({ id: z.string() })

/** An organization; the site admin owns it. */
export async function makeOrganization(
  server: TestServer,
  name = `org-${randomText(10)}`,
): Promise<{ name: string; id: string; projectId: string }> {
  const { json } = await server.api.post('/organizations', document({ name, email: 'ops@acme.example' }))
  return {
    name,
    id: json.data.attributes['external-id'],
    projectId: json.data.relationships['default-project'].data.id,
  }
}

export async function makeWorkspace(
  server: TestServer,
  organization: { name: string },
  attributes: Record<string, unknown> = {},
  relationships?: Record<string, unknown>,
  // biome-ignore lint/suspicious/noExplicitAny: a JSON:API document
): Promise<any> {
  const answer = await server.api.post(
    `/organizations/${organization.name}/workspaces`,
    document({ name: `ws-${randomText(10)}`, ...attributes }, relationships),
  )
  if (answer.status !== 201) throw new Error(`no workspace: ${answer.status} ${answer.text}`)
  return answer.json.data
}

export interface Member {
  api: Api
  teamApi: Api
  userId: string
  username: string
  teamId: string
}

/**
 * A user who is in one team of the organization, with that team's rights:
 * organization flags, and roles on workspaces or projects by id.
 */
export async function makeMember(
  server: TestServer,
  organization: { id: string },
  rights: { flags?: string[]; workspaces?: Record<string, string>; projects?: Record<string, string> } = {},
): Promise<Member> {
  const { db } = server.app
  const username = `user-${randomText(10)}`
  const userId = await insertUser(db, { username, email: `${username}@acme.example`, passwordHash: null })
  const flags = Object.fromEntries((rights.flags ?? []).map((flag) => [flag, true]))
  const teamId = newId('team')
  await db.transaction(async (tx) => {
    await tx.query(sql.void`
      insert into organization_memberships (id, organization_id, user_id, email, status)
      values (${newId('ou')}, ${organization.id}, ${userId}, ${`${username}@acme.example`}, 'active')`)
    await tx.one(sql.type(Id)`
      insert into teams (id, organization_id, name, organization_access)
      values (${teamId}, ${organization.id}, ${`team-${username}`}, ${sql.jsonb(flags)})
      returning id`)
    await tx.query(sql.void`insert into team_members (team_id, user_id) values (${teamId}, ${userId})`)
    for (const [id, access] of Object.entries(rights.workspaces ?? {})) {
      await tx.query(sql.void`
        insert into team_workspaces (id, team_id, workspace_id, access)
        values (${newId('tws')}, ${teamId}, ${id}, ${access})`)
    }
    for (const [id, access] of Object.entries(rights.projects ?? {})) {
      await tx.query(sql.void`
        insert into team_projects (id, team_id, project_id, access)
        values (${newId('tprj')}, ${teamId}, ${id}, ${access})`)
    }
  })
  const user = await insertToken(db, { kind: 'user', userId })
  const team = await insertToken(db, { kind: 'team', teamId })
  return { api: server.as(user.token), teamApi: server.as(team.token), userId, username, teamId }
}
