import { z } from 'zod'
import { invalid } from '../errors.ts'
import { checkName } from '../names.ts'
import type { Workspace } from './queries.ts'

/** What clients may set on a workspace, by their JSON:API names. Absent: unchanged; null: back to the default. */
const text = z.string().max(20_000, 'is too long').nullable().optional()
const flag = z.boolean('must be true or false').nullable().optional()
const paths = z
  .array(z.string().max(1000, 'holds a path that is too long'))
  .max(500, 'has too many entries')
  .nullable()
  .optional()

/** `14d` or `12h`. */
export const autoDestroyDuration = z
  .string()
  .regex(/^\d{1,4}[dh]$/, "has an incorrect format, we expect up to 4 numeric digits and 1 unit ('d' or 'h')")
  .nullable()
  .optional()

const YEAR_IN_MINUTES = 365 * 24 * 60

export const WorkspaceSettings = z.object({
  name: z.string().optional(),
  description: text,
  'auto-apply': flag,
  'auto-apply-run-trigger': flag,
  'allow-destroy-plan': flag,
  'structured-run-output-enabled': flag,
  'queue-all-runs': flag,
  'speculative-enabled': flag,
  'file-triggers-enabled': flag,
  'global-remote-state': flag,
  'project-remote-state': flag,
  'auto-destroy-at': z.iso.datetime({ offset: true, error: 'is not a time' }).nullable().optional(),
  'auto-destroy-activity-duration': autoDestroyDuration,
  'inherits-project-auto-destroy': flag,
  'assessments-enabled': flag,
  'discard-superseded-runs': flag,
  'unconfirmed-plan-timeout-minutes': z.number().int().min(1).max(YEAR_IN_MINUTES).nullable().optional(),
  'trigger-prefixes': paths,
  'trigger-patterns': paths,
  'working-directory': z.string().nullable().optional(),
  'terraform-version': z.string().max(200, 'is too long').nullable().optional(),
  'execution-mode': z.enum(['remote', 'local', 'agent'], 'is not included in the list').nullable().optional(),
  operations: flag,
  'agent-pool-id': z.string().nullable().optional(),
  'setting-overwrites': z.object({ 'execution-mode': flag, 'agent-pool': flag }).nullable().optional(),
  'source-name': text,
  'source-url': text,
  'vcs-repo': z.unknown().optional(),
})
export type WorkspaceSettings = z.output<typeof WorkspaceSettings>

/** Columns to write. */
export type Columns = Record<string, string | number | boolean | string[] | null>

/**
 * Settings that go to a column as they are: column and what null means. queue-all-runs, speculative-enabled,
 * file-triggers-enabled, trigger-* and assessments-enabled speak of Git hosts and health checks, which this server does
 * not have: kept, since clients send them and compare what they read, and without effect.
 */
const plain: Partial<Record<keyof WorkspaceSettings, [column: string, whenNull: string | boolean | string[] | null]>> =
  {
    name: ['name', null],
    description: ['description', ''],
    'auto-apply': ['auto_apply', false],
    'auto-apply-run-trigger': ['auto_apply_run_trigger', false],
    'allow-destroy-plan': ['allow_destroy_plan', true],
    'structured-run-output-enabled': ['structured_run_output', true],
    'queue-all-runs': ['queue_all_runs', false],
    'speculative-enabled': ['speculative_enabled', true],
    'file-triggers-enabled': ['file_triggers_enabled', true],
    'global-remote-state': ['global_remote_state', false],
    'project-remote-state': ['project_remote_state', false],
    'auto-destroy-at': ['auto_destroy_at', null],
    'auto-destroy-activity-duration': ['auto_destroy_duration', null],
    'inherits-project-auto-destroy': ['inherits_auto_destroy', true],
    'assessments-enabled': ['assessments_enabled', false],
    'discard-superseded-runs': ['discard_superseded_runs', false],
    'unconfirmed-plan-timeout-minutes': ['unconfirmed_plan_timeout_minutes', null],
    'trigger-prefixes': ['trigger_prefixes', []],
    'trigger-patterns': ['trigger_patterns', []],
    'working-directory': ['working_directory', ''],
    'terraform-version': ['engine_version', 'latest'],
    'source-name': ['source_name', null],
    'source-url': ['source_url', null],
  }

/**
 * The columns that a request changes, checked as far as one workspace alone can tell.
 * `current` is the workspace as it is now, or a new one with its defaults.
 * @throws problem 'invalid_attribute'
 */
export function settingColumns(settings: WorkspaceSettings, current: Workspace): Columns {
  const columns: Columns = {}
  for (const [name, [column, whenNull]] of Object.entries(plain) as [
    keyof WorkspaceSettings,
    [string, Columns[string]],
  ][]) {
    const value = settings[name]
    if (value !== undefined) columns[column] = value === null ? whenNull : (value as Columns[string])!
  }
  if (columns.name !== undefined) checkName(columns.name as string)
  if (columns.working_directory !== undefined) checkWorkingDirectory(columns.working_directory as string)
  if (settings['vcs-repo'] != null) throw invalid('vcs-repo', 'VCS connections are not offered by this server.')
  // one kind takes the place of the other
  if (settings['trigger-patterns']?.length && settings['trigger-prefixes'] === undefined) columns.trigger_prefixes = []
  if (settings['trigger-prefixes']?.length && settings['trigger-patterns'] === undefined) columns.trigger_patterns = []
  const prefixes = (columns.trigger_prefixes as string[] | undefined) ?? current.trigger_prefixes
  const patterns = (columns.trigger_patterns as string[] | undefined) ?? current.trigger_patterns
  if (prefixes.length > 0 && patterns.length > 0) {
    throw invalid('trigger-patterns', 'Trigger patterns cannot be combined with trigger prefixes')
  }
  const isShared = columns.global_remote_state ?? current.global_remote_state
  if ((columns.project_remote_state ?? current.project_remote_state) && isShared) {
    throw invalid(
      'project-remote-state',
      'Project remote state cannot be enabled when global remote state sharing is enabled',
    )
  }
  return { ...columns, ...autoDestroyColumns(settings), ...executionColumns(settings, current) }
}

/** The folder is joined to the unpacked archive by a worker: it must not lead out of it. */
function checkWorkingDirectory(path: string): void {
  const fail = (why: string) => invalid('working-directory', `Working directory ${why}`)
  if (path.length > 1000) throw fail('is too long (maximum is 1000 characters)')
  if (/[\p{Cc}]/u.test(path)) throw fail('must not hold control characters')
  if (/^[\\/~]|^[A-Za-z]:/.test(path)) throw fail('must be relative to the root of the configuration')
  if (path.split(/[\\/]/).includes('..')) throw fail('must not contain ".."')
}

/** A workspace with a setting of its own does not follow its project's. */
function autoDestroyColumns(settings: WorkspaceSettings): Columns {
  const { 'auto-destroy-activity-duration': duration, 'inherits-project-auto-destroy': inherits } = settings
  return typeof duration === 'string' && inherits === undefined ? { inherits_auto_destroy: false } : {}
}

/** Execution mode and agent pool belong together, and each may be the organization's default. */
function executionColumns(settings: WorkspaceSettings, current: Workspace): Columns {
  const { 'agent-pool-id': poolGiven, 'setting-overwrites': overwrites, operations } = settings
  let mode = settings['execution-mode'] ?? undefined
  if (operations !== undefined && operations !== null) {
    if (mode) throw invalid('operations', 'Operations must not be specified together with execution-mode')
    mode = operations ? 'remote' : 'local'
  }
  const clears = settings['execution-mode'] === null || overwrites === null || overwrites?.['execution-mode'] === false
  if (mode === undefined && clears) {
    if (poolGiven)
      throw invalid('agent-pool-id', "Agent pool must not be specified unless using 'agent' execution mode")
    return {
      overwrites_execution_mode: false,
      execution_mode: 'remote',
      overwrites_agent_pool: false,
      agent_pool_id: null,
    }
  }
  const next = mode ?? current.execution_mode
  const pool = poolGiven === undefined ? current.agent_pool_id : poolGiven || null
  if (poolGiven && next !== 'agent') {
    throw invalid('agent-pool-id', "Agent pool must not be specified unless using 'agent' execution mode")
  }
  const columns: Columns = {}
  if (mode !== undefined || overwrites?.['execution-mode'] === true) {
    columns.execution_mode = next
    columns.overwrites_execution_mode = true
    columns.overwrites_agent_pool = true
    columns.agent_pool_id = next === 'agent' ? pool : null
  } else if (poolGiven !== undefined) {
    columns.overwrites_agent_pool = pool !== null
    columns.agent_pool_id = pool
  }
  if (mode === undefined && overwrites?.['agent-pool'] === false) {
    columns.overwrites_agent_pool = false
    columns.agent_pool_id = null
  }
  if (columns.execution_mode === 'agent' && pool === null) {
    throw invalid('agent-pool-id', "Agent pool must be specified when using 'agent' execution mode")
  }
  return columns
}
