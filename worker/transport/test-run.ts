import { Readable } from 'node:stream'
import type { App } from '../../shared/app.ts'
import {
  ClaimLost,
  type PhaseHandle,
  type PhaseResult,
  type PhaseVariable,
  type PhaseWork,
} from '../../shared/phase.ts'
import { appendTestLog } from '../../shared/registry/test-logs.ts'
import {
  endTestRun,
  selectOptionalTestRun,
  type TestRun,
  type TestSummary,
  TestVariables,
} from '../../shared/registry/test-runs.ts'
import { selectVariables } from '../../shared/variables/queries.ts'
import { openValue } from '../../shared/variables/variables.ts'
import { SummaryReader } from './test-summary.ts'

const WISH_POLL_MS = 2000

type Wish = 'cancel' | 'force' | 'lost'

/** A test run as the executor of phases takes it. It has neither state nor artifacts, and no token of its own. */
export function holdTestRun(
  app: App,
  run: TestRun,
  variables: PhaseVariable[],
  lost: AbortSignal,
): PhaseHandle & { summary(): TestSummary | null; release(): void } {
  const stop = new AbortController()
  const listeners: ((wish: Wish) => void)[] = []
  const told = new Set<Wish>()
  const reader = new SummaryReader()
  const tell = (wish: Wish) => {
    if (told.has(wish)) return
    told.add(wish)
    if (!stop.signal.aborted) stop.abort(wish)
    for (const listener of listeners) listener(wish)
  }
  const look = () => {
    selectOptionalTestRun(app.db, run.id).then(
      (now) => {
        if (now?.status !== 'running') tell('lost')
        else if (now.stop_wish) tell(now.stop_wish)
      },
      (error: Error) =>
        app.log.warn({ err: error.message, testRunId: run.id }, 'cannot read whether tests are to stop'),
    )
  }
  const unsubscribe = [
    app.live.subscribe('test-stop', (id) => id === run.id && look()),
    app.live.subscribe('reconnected', look),
  ]
  const poll = setInterval(look, WISH_POLL_MS)
  const onLost = () => tell('lost')
  if (lost.aborted) onLost()
  else lost.addEventListener('abort', onLost, { once: true })

  const held = <T>(isHeld: T): void => {
    if (isHeld) return
    tell('lost')
    throw new ClaimLost()
  }
  const none = async () => {
    throw new Error('a test run keeps no files and no state')
  }
  return {
    work: workOf(run, variables),
    signal: stop.signal,
    onStop(listener) {
      listeners.push(listener)
      for (const wish of told) listener(wish)
    },
    configuration: async () => (run.blob_id ? app.blobs.read(run.blob_id) : Readable.from([])),
    state: none,
    artifact: async () => null,
    async log(bytes) {
      reader.read(bytes)
      held(await app.db.transaction((tx) => appendTestLog(tx, run.id, bytes)))
    },
    keep: none,
    uploadState: none,
    finish: async (result) => held(await endTestRun(app, run.id, endingOf(result, reader.summary))),
    summary: () => reader.summary,
    release() {
      clearInterval(poll)
      for (const off of unsubscribe) off()
      lost.removeEventListener('abort', onLost)
    },
  }
}

function endingOf(result: PhaseResult, summary: TestSummary | null): Parameters<typeof endTestRun>[2] {
  if (result.outcome === 'canceled') return { status: 'canceled', reason: null }
  if (result.outcome === 'finished' && summary) return { status: 'finished', summary }
  return {
    status: 'errored',
    reason: result.outcome === 'errored' ? result.reason : 'The tests ended without a summary',
  }
}

/** The module's test variables, and those given with the run, which win and are HCL expressions. In clear. */
export async function testRunVariables(app: App, run: TestRun): Promise<PhaseVariable[]> {
  const given = TestVariables.parse(
    JSON.parse(app.secrets.open(run.variables, `test_runs.variables:${run.id}`).toString()),
  )
  const wins = new Set(given.map(({ key }) => key))
  const { rows } = await selectVariables(app.db, { moduleId: run.module_id }, null)
  return [
    ...rows
      .filter(({ category, key }) => category === 'env' || !wins.has(key))
      .map((row) => ({
        key: row.key,
        value: openValue(app, row),
        category: row.category,
        hcl: row.hcl,
        sensitive: row.sensitive,
      })),
    ...given.map(({ key, value }) => ({ key, value, category: 'terraform' as const, hcl: true, sensitive: false })),
  ]
}

function workOf(run: TestRun, variables: PhaseVariable[]): PhaseWork {
  // init loads the modules that the test files name, so it has to know where those are
  const initArgs: PhaseVariable = {
    key: 'TF_CLI_ARGS_init',
    value: `-test-directory=${run.test_directory}`,
    category: 'env',
    hcl: false,
    sensitive: false,
  }
  return {
    // an apply's rules for stopping: an engine that was interrupted may take its time to destroy what it made
    phase: 'apply',
    runId: run.id,
    phaseId: run.id,
    organization: { name: run.organization_name },
    project: { id: '', name: '' },
    workspace: { id: '', name: 'default', workingDirectory: '' },
    engine: { name: run.engine, version: run.engine_version },
    structuredOutput: true,
    options: {
      isDestroy: false,
      refresh: true,
      refreshOnly: false,
      planOnly: false,
      allowConfigGeneration: false,
      targetAddrs: [],
      replaceAddrs: [],
      invokeActionAddrs: [],
    },
    variables: [...variables, initArgs],
    server: null,
    sshKey: null,
    identityTokens: {},
    state: null,
  }
}
