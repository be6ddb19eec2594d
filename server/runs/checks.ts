import { selectOutcomesOfEvaluations, selectPolicyEvaluations } from '../../shared/policies/evaluations.ts'
import type { Run } from '../../shared/runs/queries.ts'
import { selectShortOutcomes, selectTaskResults } from '../../shared/tasks/results.ts'
import { selectTaskStages, type TaskStage } from '../../shared/tasks/stages.ts'
import type { Badge } from '../badge.ts'
import { readMarkdown, safeHref } from '../markdown.ts'
import type { Context } from '../route.ts'
import { counted, stageWords } from '../words.ts'

/** How an answer of a run task, a policy or a whole stage looks. */
const marks: Record<string, Badge> = {
  pending: { tone: 'gray', icon: 'circle', word: 'Not yet' },
  running: { tone: 'blue', icon: 'sync', word: 'Checking', spins: true },
  passed: { tone: 'green', icon: 'check-circle-fill', word: 'Passed' },
  failed: { tone: 'red', icon: 'x-circle-fill', word: 'Failed' },
  errored: { tone: 'red', icon: 'alert', word: 'Gave no answer' },
  awaiting_override: { tone: 'amber', icon: 'shield', word: 'Needs a decision' },
  overridden: { tone: 'amber', icon: 'shield', word: 'Overridden' },
  canceled: { tone: 'gray', icon: 'stop', word: 'Canceled' },
  unreachable: { tone: 'gray', icon: 'circle-slash', word: 'Not reached' },
}
const markOf = (status: string): Badge => marks[status] ?? marks.pending!
/** What is only advice stops nothing: its failure is a warning. */
const markOfAdvice = (mark: Badge): Badge => (mark.tone === 'red' ? { ...mark, tone: 'amber', icon: 'alert' } : mark)

const OUTCOMES = 200
const BODY = 4000

/** The stages of the run's tasks and policies with what each of them said, in the order in which they are asked. */
export async function checksOf({ app }: Pick<Context, 'app'>, run: Run) {
  if (run.task_stage_ids.length === 0) return []
  const stages = await selectTaskStages(app.db, run.task_stage_ids)
  const results = await selectTaskResults(
    app.db,
    stages.flatMap((s) => s.result_ids),
  )
  const outcomes = Object.groupBy(
    await selectShortOutcomes(
      app.db,
      results.map((r) => r.id),
      { rows: OUTCOMES, characters: BODY },
    ),
    (o) => o.task_result_id,
  )
  const evaluations = await selectPolicyEvaluations(
    app.db,
    stages.flatMap((s) => s.evaluation_ids),
  )
  const sets = Object.groupBy(
    await selectOutcomesOfEvaluations(
      app.db,
      evaluations.map((e) => e.id),
    ),
    (s) => s.policy_evaluation_id,
  )
  return stages.map((stage) => ({
    id: stage.id,
    name: stageWords[stage.stage],
    mark: markOf(stage.status),
    isOverridable: stage.status === 'awaiting_override',
    at: endOf(stage),
    tasks: results
      .filter((r) => r.task_stage_id === stage.id)
      .map((r) => ({
        id: r.id,
        name: r.task_name,
        isMandatory: r.enforcement_level === 'mandatory',
        mark: r.enforcement_level === 'mandatory' ? markOf(r.status) : markOfAdvice(markOf(r.status)),
        message: r.message,
        href: safeHref(r.url),
        outcomes: (outcomes[r.id] ?? []).map((o) => ({
          id: o.outcome_id,
          description: o.description,
          body: readMarkdown(o.body),
          isCut: o.is_cut,
          href: safeHref(o.url),
          tags: tagsOf(o.tags),
        })),
        more: r.outcome_ids.length - (outcomes[r.id]?.length ?? 0),
      })),
    evaluations: evaluations
      .filter((e) => e.task_stage_id === stage.id)
      .map((e) => ({
        id: e.id,
        tool: `${e.policy_kind === 'opa' ? 'OPA' : 'Sentinel'} ${e.policy_tool_version}`.trim(),
        mark: markOf(e.status),
        error: e.error,
        sum: sumOf(e),
        sets: (sets[e.id] ?? []).map((set) => ({
          id: set.id,
          name: set.policy_set_name,
          description: set.policy_set_description,
          overridable: set.overridable,
          error: set.error,
          policies: set.outcomes.map((o) => ({
            name: o.policy_name,
            description: o.description,
            query: o.query,
            isMandatory: o.enforcement_level === 'mandatory',
            mark: o.enforcement_level === 'mandatory' ? markOf(o.status) : markOfAdvice(markOf(o.status)),
          })),
        })),
      })),
  }))
}
export type Check = Awaited<ReturnType<typeof checksOf>>[number]

/** Changes whenever something of them does: what the live page compares. */
export const printOfChecks = (checks: readonly Check[]): string =>
  checks
    .flatMap((c) => [
      c.mark.word,
      ...c.tasks.map((t) => `${t.mark.word}${t.message}${t.outcomes.length}`),
      ...c.evaluations.map((e) => `${e.mark.word}${e.sum}`),
    ])
    .join()

const endOf = (stage: TaskStage): Date | null => {
  const status = stage.status === 'pending' || stage.status === 'running' ? null : stage.status.replaceAll('_', '-')
  const text = status && stage.status_timestamps[`${status}-at`]
  return text ? new Date(text) : null
}

const sumOf = (e: { passed: number; advisory_failed: number; mandatory_failed: number; errored: number }): string =>
  [
    e.passed && `${e.passed} passed`,
    e.mandatory_failed && `${counted(e.mandatory_failed, 'mandatory one')} failed`,
    e.advisory_failed && `${counted(e.advisory_failed, 'advisory one')} failed`,
    e.errored && `${e.errored} could not be evaluated`,
  ]
    .filter(Boolean)
    .join(', ')

const levels: Record<string, Badge['tone']> = { none: 'gray', info: 'blue', warning: 'amber', error: 'red' }

/** `{ Severity: [{ label: 'High', level: 'error' }] }` */
function tagsOf(tags: Record<string, unknown>): { text: string; tone: Badge['tone'] }[] {
  return Object.entries(tags)
    .flatMap(([key, values]) =>
      (Array.isArray(values) ? (values as { label?: unknown; level?: unknown }[]) : []).map((value) => ({
        text: `${key}: ${String(value?.label ?? '')}`,
        tone: levels[String(value?.level ?? 'none')] ?? 'gray',
      })),
    )
    .slice(0, 20)
}
