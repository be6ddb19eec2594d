import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { App } from '../../shared/app.ts'
import { type DueSet, selectDueSets, selectEvaluationRun } from '../../shared/policies/due-sets.ts'
import { type Outcome, selectOptionalPolicyEvaluation } from '../../shared/policies/evaluations.ts'
import { finishEvaluation, type SetResult } from '../../shared/policies/finish-evaluation.ts'
import { artifactBlob } from '../../shared/runs/hold.ts'
import { evaluate, findOpa, type Opa } from './opa.ts'

const NO_SENTINEL =
  'Sentinel policies cannot be evaluated by this server: their engine is not free software. Write the policy for OPA, or take the set off this workspace.'

/** Evaluates the policy sets of a run's post-plan stage and lets the run go on. May come twice. */
export async function evaluatePolicies(app: App, evaluationId: string): Promise<void> {
  const evaluation = await selectOptionalPolicyEvaluation(app.db, evaluationId)
  if (evaluation?.status !== 'running') return
  const sets = await selectDueSets(app.db, evaluation.policy_set_ids)
  if (evaluation.policy_kind === 'sentinel') {
    await finishEvaluation(app, evaluation, {
      version: '',
      error: NO_SENTINEL,
      sets: sets.map((set) => refused(set, NO_SENTINEL)),
    })
    return
  }
  const blobId = await artifactBlob(app, evaluation.run_id, 'plan-json')
  if (!blobId) {
    const error = 'The plan left no JSON to evaluate.'
    await finishEvaluation(app, evaluation, { version: '', error, sets: sets.map((set) => refused(set, error)) })
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-policies-'))
  try {
    const inputFile = join(folder, 'input.json')
    await writeInput(app, inputFile, blobId, await selectEvaluationRun(app.db, evaluation.run_id))
    const results: SetResult[] = []
    const versions = new Set<string>()
    for (const [n, set] of sets.entries()) {
      const opa = await findOpa(app.config.engineDir, set.policy_tool_version)
      if (opa) versions.add(opa.version)
      results.push(opa ? await evaluateSet(opa, set, inputFile, join(folder, String(n))) : refused(set, missing(set)))
    }
    const error = results.find((result) => result.error === missing(result.set))?.error ?? ''
    await finishEvaluation(app, evaluation, { version: [...versions].join(', '), error, sets: results })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const missing = ({ policy_tool_version: version }: DueSet): string =>
  `No OPA${version ? ` ${version}` : ''} is at hand. Put an opa program on the PATH of the jobs process, or into opa/<version>/opa in its engine folder.`

/** `{"plan": <the plan's JSON>, "run": {…}}`; the plan may be large and passes as a stream. */
async function writeInput(app: App, path: string, blobId: string, run: object): Promise<void> {
  const plan = await app.blobs.read(blobId)
  await pipeline(
    async function* () {
      yield `{"run":${JSON.stringify(run)},"plan":`
      yield* plan as AsyncIterable<Buffer>
      yield '}'
    },
    createWriteStream(path, { mode: 0o600 }),
  )
}

const refused = (set: DueSet, error: string): SetResult => ({
  set,
  error,
  outcomes: set.policies.map((policy) => outcomeOf(policy, 'errored')),
})

const outcomeOf = (policy: DueSet['policies'][number], status: Outcome['status']): Outcome => ({
  policy_name: policy.name,
  description: policy.description,
  query: policy.query,
  enforcement_level: policy.enforcement_level === 'advisory' ? 'advisory' : 'mandatory',
  status,
})

async function evaluateSet(opa: Opa, set: DueSet, inputFile: string, folder: string): Promise<SetResult> {
  const outcomes: Outcome[] = []
  const errors: string[] = []
  for (const [n, policy] of set.policies.entries()) {
    // policies of a version share its files; single ones do not see each other
    const dataDir = set.files ? folder : join(folder, String(n))
    if (n === 0 || !set.files) await writeFiles(dataDir, set.files ?? { 'policy.rego': policy.content ?? '' })
    try {
      outcomes.push(outcomeOf(policy, await evaluate(opa, { dataDir, inputFile, query: policy.query })))
    } catch (error) {
      outcomes.push(outcomeOf(policy, 'errored'))
      errors.push(`${policy.name}: ${(error as Error).message.replaceAll(`${dirname(folder)}/`, '')}`)
    }
  }
  return { set, error: errors.join('\n').slice(0, 4000), outcomes }
}

/** Paths were checked when the version was read. */
async function writeFiles(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text, { mode: 0o600 })
  }
}
