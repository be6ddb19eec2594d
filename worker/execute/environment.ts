import type { PhaseVariable, PhaseWork } from '../../shared/phase.ts'
import type { Workdir } from './workdir.ts'

/** What the engine inherits from the worker: how to find programs, time and language, certificates and proxies. */
const INHERITED = [
  'PATH',
  'LANG',
  'LC_ALL',
  'TZ',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
]

/**
 * Environment variables of a workspace that no engine gets: they decide what code runs or where the engine finds
 * its files, which is the worker's business. Everything else is passed on, to the engine only. `TF_CLI_ARGS`,
 * `TF_CLI_ARGS_init`, `_plan` and `_apply` are passed to the commands that people configure with them
 * (HCP documents `TF_CLI_ARGS_plan` for the parallelism), never to the ones whose output we parse.
 */
const REFUSED =
  /^(LD_.*|DYLD_.*|PATH|HOME|TMPDIR|TMP|TEMP|SHELL|ENV|BASH_ENV|IFS|NODE_OPTIONS|GODEBUG|TERRAFORM_CONFIG|TF_(CLI_CONFIG_FILE|DATA_DIR|REATTACH_PROVIDERS|WORKSPACE|INPUT|IN_AUTOMATION|PLUGIN_CACHE_DIR|PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE|LOG_PATH|STATE_PERSIST_INTERVAL|FORK|TEMP_LOG_PATH))$/

const CLI_ARGS = /^TF_CLI_ARGS(_.*)?$/

/** @returns whether a workspace's environment variable of this name reaches the engine */
export const isEnvironmentNameAllowed = (name: string): boolean => /^[^=\0]+$/.test(name) && !REFUSED.test(name)

export interface EngineEnvironment {
  /** for init, plan and apply */
  commands: Record<string, string>
  /** for commands whose output is parsed */
  queries: Record<string, string>
  /** names that were set on the workspace and are not passed on */
  refused: string[]
}

export function engineEnvironment(
  work: PhaseWork,
  dir: Workdir,
  files: { cliConfig: string; pluginCache: string; sshCommand: string | null; identity?: Record<string, string> },
  from: Record<string, string | undefined> = process.env,
): EngineEnvironment {
  const own = work.variables.filter((variable) => variable.category === 'env')
  const allowed = own.filter(({ key, value }) => isEnvironmentNameAllowed(key) && !value.includes('\0'))
  const pairs = (list: PhaseVariable[]) => Object.fromEntries(list.map(({ key, value }) => [key, value]))
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (from[name] ? [[name, from[name]]] : [])))
  const ours = {
    HOME: dir.home,
    TMPDIR: dir.tmp,
    TF_CLI_CONFIG_FILE: files.cliConfig,
    TF_PLUGIN_CACHE_DIR: files.pluginCache,
    // A lock entry may be completed from the cache alone: the kept lock file is read by the apply on this platform.
    TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE: '1',
    TF_WORKSPACE: work.workspace.name,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    ...(files.sshCommand && { GIT_SSH_COMMAND: files.sshCommand }),
    ...files.identity,
  }
  const always = { ...inherited, ...runFacts(work) }
  return {
    commands: { ...always, ...pairs(allowed), ...ours },
    queries: { ...always, ...pairs(allowed.filter(({ key }) => !CLI_ARGS.test(key))), ...ours },
    refused: own.filter((variable) => !allowed.includes(variable)).map(({ key }) => key),
  }
}

/** HCP injects these as environment and, for configurations that declare them, as input variables. */
function runFacts(work: PhaseWork): Record<string, string> {
  const facts = {
    TFC_RUN_ID: work.runId,
    TFC_WORKSPACE_NAME: work.workspace.name,
    TFC_WORKSPACE_SLUG: `${work.organization.name}/${work.workspace.name}`,
    TFC_PROJECT_NAME: work.project.name,
  }
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => [
      [name, value],
      [`TF_VAR_${name}`, value],
    ]),
  )
}
