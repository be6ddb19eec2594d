import { expect } from 'chai'
import {
  events,
  findRow,
  holdsWorkspace,
  isFinal,
  lifecycle,
  type RunFacts,
  statuses,
} from '../../shared/runs/lifecycle.ts'

const facts: RunFacts = {
  planOnly: false,
  savePlan: false,
  autoApply: false,
  allowEmptyApply: false,
  hasChanges: true,
  stopWish: null,
  forceCancelAvailable: false,
  stages: [],
}

/** Every combination of the facts. */
function* everyFacts(): Generator<RunFacts> {
  const flags = [true, false]
  for (const planOnly of flags)
    for (const savePlan of flags)
      for (const autoApply of flags)
        for (const allowEmptyApply of flags)
          for (const hasChanges of flags)
            for (const stopWish of [null, 'cancel', 'force'] as const)
              for (const forceCancelAvailable of flags)
                for (const stages of [
                  [],
                  ['pre_plan', 'post_plan', 'pre_apply', 'post_apply'],
                  ['post_plan'],
                  ['pre_apply'],
                ] as const)
                  yield {
                    planOnly,
                    savePlan,
                    autoApply,
                    allowEmptyApply,
                    hasChanges,
                    stopWish,
                    forceCancelAvailable,
                    stages,
                  }
}

describe('the lifecycle table', () => {
  it('leads out of every status but the final ones, and out of those never', () => {
    const final = statuses.filter(isFinal)

    expect(final).to.have.members(['planned_and_finished', 'applied', 'discarded', 'errored', 'canceled'])
    for (const status of final) {
      for (const event of events)
        for (const f of everyFacts()) expect(findRow(status, event, f), `${status} on ${event}`).to.equal(undefined)
    }
  })

  it('reaches every status from pending', () => {
    const reached = new Set<string>(['pending'])
    for (let size = 0; size !== reached.size; ) {
      size = reached.size
      for (const row of lifecycle)
        if (row.from.some((s) => reached.has(s))) {
          for (const status of [row.to, ...(row.through ?? [])]) reached.add(status)
        }
    }

    expect([...reached]).to.have.members([...statuses])
  })

  it('never applies a plan-only run and never a plan without changes unless that was asked for', () => {
    for (const f of everyFacts()) {
      const { to } = findRow('planning', 'plan-finished', f)!
      const alone = f.stages.includes('pre_apply') ? 'pre_apply_running' : 'apply_queued'
      if (!f.hasChanges && !f.allowEmptyApply) expect(to).to.equal('planned_and_finished')
      else if (f.stages.includes('post_plan')) expect(to).to.equal('post_plan_running')
      else if (f.planOnly) expect(to).to.equal('planned_and_finished')
      else if (f.savePlan) expect(to).to.equal('planned_and_saved')
      else expect(to).to.equal(f.autoApply && f.stopWish === null ? alone : 'planned')
    }
  })

  it('goes on after the post-plan stage as after a plan, and not before it has passed or was overridden', () => {
    for (const f of everyFacts()) {
      for (const [status, event] of [
        ['post_plan_running', 'stage-passed'],
        ['post_plan_awaiting_decision', 'override'],
      ] as const) {
        const { to } = findRow(status, event, f)!
        const alone = f.stages.includes('pre_apply') ? 'pre_apply_running' : 'apply_queued'
        if (f.planOnly) expect(to).to.equal('planned_and_finished')
        else if (f.savePlan) expect(to).to.equal('planned_and_saved')
        else expect(to).to.equal(f.autoApply && f.stopWish === null ? alone : 'post_plan_completed')
      }
      for (const status of [
        'pre_plan_running',
        'post_plan_running',
        'post_plan_awaiting_decision',
        'pre_apply_running',
      ] as const)
        expect(findRow(status, 'confirm', f)).to.equal(undefined)
      for (const status of ['pre_plan_running', 'post_plan_running', 'pre_apply_running'] as const)
        expect(findRow(status, 'stage-failed', f)!.to).to.equal('errored')
    }
  })

  it('begins an apply only from apply_queued', () => {
    for (const status of statuses) {
      expect(findRow(status, 'apply-taken', facts) !== undefined).to.equal(status === 'apply_queued')
    }
  })

  it('makes the apply unreachable whenever a run ends without one', () => {
    for (const row of lifecycle) {
      if (!isFinal(row.to) || row.from.some((s) => s === 'applying' || s === 'post_apply_running')) continue
      expect(row.apply, `${row.from} on ${row.on}`).to.equal('unreachable')
    }
  })

  it('offers force-cancel only after a cancel and its cool-off', () => {
    expect(findRow('applying', 'force-cancel', facts)).to.equal(undefined)
    expect(findRow('applying', 'force-cancel', { ...facts, stopWish: 'cancel' })).to.equal(undefined)
    expect(
      findRow('applying', 'force-cancel', { ...facts, stopWish: 'cancel', forceCancelAvailable: true })?.to,
    ).to.equal('canceled')
  })

  it('holds the workspace from the queued plan to the end, for a saved plan from its confirmation on', () => {
    expect(holdsWorkspace('planned', { planOnly: false, savePlan: false })).to.equal(true)
    expect(holdsWorkspace('planning', { planOnly: false, savePlan: true })).to.equal(false)
    expect(holdsWorkspace('apply_queued', { planOnly: false, savePlan: true })).to.equal(true)
    expect(holdsWorkspace('planning', { planOnly: true, savePlan: false })).to.equal(false)
  })
})
