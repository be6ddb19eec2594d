import { expect } from 'chai'
import { type FragilePostgres, startFragilePostgres } from '../chaos/postgres.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { logOf } from '../support/stack.ts'
import { type AgentStack, sleeping, startAgentStack, until, untilProvisioning } from './agent-process.ts'

/** Longer than an agent holds a phase without an answer. */
const AWAY_MS = 20_000

describe('an agent while the database is away', function () {
  this.timeout(240_000)
  let postgres: FragilePostgres
  let stack: AgentStack
  let former: string | undefined
  before(async () => {
    postgres = await startFragilePostgres()
    former = process.env.TEST_DATABASE_URL
    process.env.TEST_DATABASE_URL = postgres.url
    stack = await startAgentStack({ jobs: 1 })
  })
  after(async () => {
    if (former === undefined) delete process.env.TEST_DATABASE_URL
    else process.env.TEST_DATABASE_URL = former
    await stack.stop()
    await postgres.stop()
  })

  it('goes on with its apply, as the server tells it so, and brings log and state when the database is back', async () => {
    await stack.startAgent()
    const workspace = await stack.makeAgentWorkspace({ 'auto-apply': true })
    await uploadConfiguration(stack.api, workspace, sleeping(AWAY_MS / 1000 + 5))
    const runId = await startRun(stack.api, workspace)
    await untilProvisioning(stack, await stack.waitForRun(runId, 'applying'))

    await postgres.away(AWAY_MS)
    await until(
      'the run has its end',
      async () => {
        const answer = await stack.api.get(`/runs/${runId}`)
        return answer.status === 200 && ['applied', 'errored'].includes(answer.json.data.attributes.status)
      },
      90_000,
    )

    const run = (await stack.api.get(`/runs/${runId}`)).json.data
    expect(run.attributes.status).to.equal('applied')
    expect(await stack.resourcesOf(workspace)).to.include('long')
    expect(await logOf(stack.api, run)).to.include('Apply complete!')
  })
})
