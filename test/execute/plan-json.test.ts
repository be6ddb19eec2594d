import { expect } from 'chai'
import { type PlanJson, redactPlan, summarizePlan } from '../../worker/execute/plan-json.ts'
import { makePlace, plan } from './phases.ts'

const change = (actions: string[], rest: object = {}) => ({ mode: 'managed', change: { actions, ...rest } })
const summaryOf = (json: PlanJson, refreshOnly = false) => summarizePlan(json, { refreshOnly })

describe('a plan in numbers', () => {
  it('a replacement is one addition and one destruction, a data source is none', () => {
    const { counts } = summaryOf({
      resource_changes: [
        change(['delete', 'create']),
        change(['update']),
        change(['no-op'], { importing: { id: 'x' } }),
        { mode: 'data', change: { actions: ['read'] } },
      ],
    })

    expect(counts).to.deep.equal({ additions: 1, changes: 1, destructions: 1, imports: 1 })
  })

  it('WEB-05 a resource that leaves the state undestroyed is a change and no destruction', () => {
    const summary = summaryOf({ resource_changes: [change(['forget'])] })

    expect(summary.hasChanges).to.equal(true)
    expect(summary.counts.destructions).to.equal(0)
  })

  it('outputs alone are a change, drift is one for a refresh-only plan', () => {
    expect(summaryOf({ output_changes: { a: { actions: ['create'] } } }).hasChanges).to.equal(true)
    expect(summaryOf({ output_changes: { a: { actions: ['no-op'] } } }).hasChanges).to.equal(false)
    const drifted = { resource_drift: [change(['update'])] }
    expect([summaryOf(drifted).hasChanges, summaryOf(drifted, true).hasChanges]).to.deep.equal([false, true])
  })
})

describe('a plan without its secrets', () => {
  it('sensitive values keep their type, and a difference stays one', () => {
    const redacted = redactPlan({
      variables: { secret: { value: 's1' } },
      prior_state: { values: 's1' },
      resource_changes: [
        change(['update'], {
          before: { text: 's1', same: 's2', port: 1234, on: true, list: [1, 's1'], open: 'x' },
          after: { text: 's3', same: 's2', port: 4321, on: false, list: [1, 's3'], open: 'y' },
          before_sensitive: { text: true, same: true, port: true, on: true, list: [false, true] },
          after_sensitive: { text: true, same: true, port: true, on: true, list: [false, true] },
        }),
      ],
      output_changes: { o: { actions: ['create'], before: null, after: { a: 's1' }, after_sensitive: true } },
    })

    expect(JSON.stringify(redacted)).to.not.match(/s[123]\b|1234|4321/)
    const shown = redacted.resource_changes![0]!.change
    expect(shown.before).to.deep.equal({
      text: '(sensitive value)',
      same: '(sensitive value)',
      port: 0,
      on: false,
      list: [1, '(sensitive value)'],
      open: 'x',
    })
    expect(shown.after).to.deep.equal({
      text: '(sensitive value, changed)',
      same: '(sensitive value)',
      port: 1,
      on: true,
      list: [1, '(sensitive value, changed)'],
      open: 'y',
    })
    expect(redacted.output_changes!.o!.after).to.deep.equal({})
  })

  it('a plan of several megabytes is read in a thread and comes out whole', async () => {
    const place = await makePlace()
    const big = `resource "terraform_data" "a" {\n  count = 400\n  input = "${'x'.repeat(4000)}"\n}\n`

    const planned = await plan(place, { 'main.tf': big })
    await place.remove()

    expect(planned.result).to.deep.include({ counts: { additions: 400, changes: 0, destructions: 0, imports: 0 } })
    expect(planned.artifacts.get('plan-json')!.length).to.be.greaterThan(1024 * 1024)
    const redacted = JSON.parse(planned.artifacts.get('plan-json-redacted')!.toString())
    expect(redacted.resource_changes).to.have.length(400)
    expect(redacted).to.include.keys('provider_schemas')
  })
})
