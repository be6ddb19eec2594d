import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { invalid, problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { checkSpacedName, nameTaken } from '../names.ts'
import { autoDestroyDuration } from '../workspaces/settings.ts'
import { type Project, selectProject } from './queries.ts'

export const ProjectInput = z.object({
  name: z.string().optional(),
  description: z.string().max(20_000, 'is too long').nullable().optional(),
  'default-execution-mode': z.enum(['remote', 'local', 'agent'], 'is not included in the list').nullable().optional(),
  'default-agent-pool-id': z.string().nullable().optional(),
  'auto-destroy-activity-duration': autoDestroyDuration,
  'setting-overwrites': z
    .object({ 'default-execution-mode': z.boolean().nullish(), 'default-agent-pool': z.boolean().nullish() })
    .nullable()
    .optional(),
})
/** Characters of a project's name. */
const length = { min: 3, max: 40 }

export type ProjectInput = z.output<typeof ProjectInput>

/** The project's own defaults for its workspaces; a key that is absent is the organization's. */
async function nextSettings(tx: Tx, organizationId: string, input: ProjectInput, before: Record<string, unknown>) {
  const overwrites = input['setting-overwrites']
  const wishes = [overwrites?.['default-execution-mode'] ?? undefined, overwrites?.['default-agent-pool'] ?? undefined]
  if (wishes[0] !== undefined && wishes[1] !== undefined && wishes[0] !== wishes[1]) {
    throw invalid(
      'setting-overwrites',
      'If agent-pool and execution-mode are both included in setting-overwrites, their values must be the same.',
    )
  }
  const { 'default-execution-mode': oldMode, 'default-agent-pool-id': oldPool, ...rest } = before
  const mode = input['default-execution-mode'] ?? undefined
  const pool = input['default-agent-pool-id']
  const clears = wishes.includes(false) || overwrites === null || input['default-execution-mode'] === null
  if (clears && mode === undefined) return rest
  const nextMode = mode ?? oldMode
  if (pool && nextMode !== 'agent') {
    throw invalid(
      'default-agent-pool-id',
      "Default agent pool must not be specified unless using 'agent' execution mode",
    )
  }
  if (nextMode !== 'agent') return nextMode === undefined ? rest : { ...rest, 'default-execution-mode': nextMode }
  const nextPool = pool === undefined ? oldPool : pool
  if (!nextPool) {
    throw invalid('default-agent-pool-id', "Default agent pool must be specified when using 'agent' execution mode")
  }
  const found = await tx.maybeOne(sql.type(z.object({ id: z.string() }))`
    select id
    from agent_pools
    where id = ${String(nextPool)} and organization_id = ${organizationId}`)
  if (!found) throw invalid('default-agent-pool-id', 'Default agent pool does not exist in this organization')
  return { ...rest, 'default-execution-mode': 'agent', 'default-agent-pool-id': nextPool }
}

function withAutoDestroy(settings: Record<string, unknown>, input: ProjectInput): Record<string, unknown> {
  const { 'auto-destroy-activity-duration': before, ...rest } = settings
  const given = input['auto-destroy-activity-duration']
  const next = given === undefined ? before : given
  return next ? { ...rest, 'auto-destroy-activity-duration': next } : rest
}

/** @throws problem 'invalid_attribute' */
export async function createProject(
  tx: Tx,
  organizationId: string,
  input: ProjectInput & { name: string },
): Promise<Project> {
  checkSpacedName(input.name, length)
  const id = newId('prj')
  const settings = withAutoDestroy(await nextSettings(tx, organizationId, input, {}), input)
  try {
    await tx.query(sql.void`
      insert into projects (id, organization_id, name, description, settings)
      values (${id}, ${organizationId}, ${input.name}, ${input.description ?? ''}, ${sql.jsonb(settings as never)})`)
  } catch (error) {
    throw nameTaken(error)
  }
  return selectProject(tx, id)
}

/** @throws problem 'invalid_attribute' */
export async function updateProject(tx: Tx, project: Project, input: ProjectInput): Promise<Project> {
  if (input.name !== undefined && input.name !== project.name) checkSpacedName(input.name, length)
  const description = input.description === undefined ? project.description : (input.description ?? '')
  const settings = withAutoDestroy(await nextSettings(tx, project.organization_id, input, project.settings), input)
  try {
    await tx.query(sql.void`
      update projects
      set name = ${input.name ?? project.name}, description = ${description}, settings = ${sql.jsonb(settings as never)},
        updated_at = now()
      where id = ${project.id}`)
  } catch (error) {
    throw nameTaken(error)
  }
  return selectProject(tx, project.id)
}

/** @throws problem 'forbidden' for the default project, 'conflict' while workspaces are in it */
export async function deleteProject(tx: Tx, id: string): Promise<void> {
  const row = await tx.maybeOne(sql.type(z.object({ is_default: z.boolean() }))`
    select is_default
    from projects
    where id = ${id}
    for update`)
  if (!row) throw problem('not_found')
  if (row.is_default) throw problem('forbidden', 'The default project of an organization cannot be deleted.')
  const { count } = await tx.one(sql.type(z.object({ count: z.number() }))`
    select count(*)::int as count
    from workspaces
    where project_id = ${id}`)
  if (count > 0) throw problem('conflict', `The project holds ${count} workspaces. Move or delete them first.`)
  await tx.query(sql.void`delete from projects where id = ${id}`)
}
