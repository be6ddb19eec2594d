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
                yield { planOnly, savePlan, autoApply, allowEmptyApply, hasChanges, stopWish, forceCancelAvailable }
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
      const row = findRow('planning', 'plan-finished', f)!
      if (f.planOnly || (!f.hasChanges && !f.allowEmptyApply)) expect(row.to).to.equal('planned_and_finished')
      else if (f.savePlan) expect(row.to).to.equal('planned_and_saved')
      else expect(row.to).to.equal(f.autoApply && f.stopWish === null ? 'apply_queued' : 'planned')
    }
  })

  it('begins an apply only from apply_queued', () => {
    for (const status of statuses) {
      expect(findRow(status, 'apply-taken', facts) !== undefined).to.equal(status === 'apply_queued')
    }
  })

  it('makes the apply unreachable whenever a run ends without one', () => {
    for (const row of lifecycle) {
      if (!isFinal(row.to) || row.from.includes('applying')) continue
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
