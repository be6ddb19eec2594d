import { invalid } from '../../shared/errors.ts'
import { selectOptionalRetentionPolicy } from '../../shared/retention/policies.ts'
import { orDrawAgain } from '../form-error.ts'
import { numberOf } from '../number-of.ts'
import { PageRoutes } from '../page-route.ts'
import { retentionChoice, retentionOfForm, saveRetention } from '../retention/form.ts'
import { workspaceByName } from '../subjects.ts'
import { saveSettings, settingsHref, settingsPath, type WorkspaceContext } from './settings-page.ts'

/** What happens in a workspace when nobody does anything: plans that wait, old data, and destruction by the clock. */
export const workspaceLifetimePages = new PageRoutes()

const path = `${settingsPath}/lifetime`
const options = { action: 'workspace:update', subject: workspaceByName } as const
const YEAR_IN_MINUTES = 365 * 24 * 60

async function draw(ctx: WorkspaceContext, more: Record<string, unknown> = {}): Promise<void> {
  const { app, subject } = ctx
  const { workspace: w } = subject
  const above = await selectOptionalRetentionPolicy(app.db, { organizationId: w.organization_id })
  await ctx.render('workspaces/settings/lifetime', {
    workspace: w,
    above: above?.days ?? null,
    values: {
      timeout: w.unconfirmed_plan_timeout_minutes ?? '',
      discard: w.discard_superseded_runs,
      // the value of an input of the type datetime-local, here in UTC
      at: w.auto_destroy_at?.toISOString().slice(0, 16) ?? '',
      idle: w.inherits_auto_destroy ? 'project' : w.auto_destroy_duration ? 'own' : 'never',
      duration: w.auto_destroy_duration ?? '',
      ...(await retentionChoice(app.db, { workspaceId: w.id })),
    },
    error: null,
    ...more,
  })
}

workspaceLifetimePages.get(path, options, (ctx) => draw(ctx))

workspaceLifetimePages.post(path, options, async (ctx) => {
  const { form, subject } = ctx
  const values = {
    timeout: form.line('unconfirmed-plan-timeout-minutes'),
    discard: form.has('discard-superseded-runs'),
    at: form.line('auto-destroy-at'),
    idle: ['project', 'own', 'never'].includes(form.line('idle')) ? form.line('idle') : 'project',
    duration: form.line('auto-destroy-activity-duration'),
    ...retentionOfForm(form),
  }
  await orDrawAgain(
    ctx,
    async () => {
      const settings = {
        'unconfirmed-plan-timeout-minutes': numberOf(form, 'unconfirmed-plan-timeout-minutes', {
          min: 1,
          max: YEAR_IN_MINUTES,
        }),
        'discard-superseded-runs': values.discard,
        'auto-destroy-at': timeOf(values.at),
        'auto-destroy-activity-duration': values.idle === 'own' ? durationOf(values.duration) : null,
        'inherits-project-auto-destroy': values.idle === 'project',
      }
      await saveSettings(ctx, settings, {
        also: (tx) => saveRetention(tx, { workspaceId: subject.workspace.id }, form),
      })
      ctx.redirect(settingsHref(subject, 'lifetime'), { tone: 'green', text: 'Saved.' })
    },
    (error) => draw(ctx, { values, error }),
  )
})

function timeOf(text: string): string | null {
  if (text === '') return null
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(text) ? new Date(`${text}Z`) : null
  if (!at || Number.isNaN(at.getTime()))
    throw invalid('auto-destroy-at', 'That is not a time such as 2026-12-24T18:00.')
  return at.toISOString()
}

function durationOf(text: string): string {
  if (!/^[1-9]\d{0,3}[dh]$/.test(text))
    throw invalid('auto-destroy-activity-duration', 'Write days or hours, such as 14d or 12h.')
  return text
}
