import { expect } from 'chai'
import { chaos } from './chaos.ts'

describe('when processes are killed, stopped and frozen at random', () => {
  it('QUEUE-09 QUEUE-10 QUEUE-21 QUEUE-36 no apply runs twice, no run is stuck, no state is lost, no lock and no engine is left', async function () {
    this.timeout(300_000)

    const result = await chaos({
      seed: Number(process.env.CHAOS_SEED ?? 11),
      workspaces: 6,
      runs: 24,
      webs: 2,
      runners: 3,
      outageMs: 12_000,
      say: () => {},
    })

    expect(result.faults).to.deep.equal([])
    expect(result.applied).to.be.greaterThan(0)
    expect(Object.keys(result.killed)).to.not.be.empty
  })
})
