import { expect } from 'chai'
import { expectStatus } from '../../support/stack.ts'
import { resourcesOf } from '../../support/states.ts'
import type { Scenario } from '../scenario.ts'

const needsNull = `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}
`
/** A plan that takes 4 seconds; it reads a data source that does not mind being interrupted. */
export const slowPlan = `${needsNull}
data "null_wait" "slow" {
  ms       = 4000
  stubborn = true
}
resource "terraform_data" "a" {
  input = data.null_wait.slow.ms
}
`
const slowApply = `${needsNull}
resource "null_wait" "slow" {
  ms       = 4000
  stubborn = true
}
resource "terraform_data" "after" {
  depends_on = [null_wait.slow]
}
`
const planning = /null_wait.slow: (Reading|Refreshing).../
const applying = 'null_wait.slow: Creating...'
const question = 'Enter a value:'

export const interruptScenarios: Scenario[] = [
  {
    command: 'plan, Ctrl-C once',
    fact: 'ends with 1; the run goes on',
    absent: { remote: 'the remote backend asks first: the next two rows' },
    config: slowPlan,
    async run({ cli, newestRun, stack }) {
      const plan = await cli.run('plan', { steps: [{ when: planning, press: 'interrupt' }] })

      expect(plan.exitCode).to.equal(1)
      await stack.waitForRun((await newestRun()).id, 'planned_and_finished')
    },
  },
  ...(['yes', 'no'] as const).map(
    (answer): Scenario => ({
      command: `plan, Ctrl-C once, answer ${answer}`,
      fact: answer === 'yes' ? 'cancels the run' : 'leaves the run alone',
      absent: { cloud: 'the cloud block does not ask: the row before' },
      config: slowPlan,
      async run({ cli, newestRun, stack }) {
        await cli.run('plan', {
          steps: [
            { when: planning, press: 'interrupt' },
            { when: question, answer },
          ],
        })

        await stack.waitForRun((await newestRun()).id, answer === 'yes' ? 'canceled' : 'planned_and_finished')
      },
    }),
  ),
  {
    command: 'plan, Ctrl-C twice',
    fact: 'ends with 1; the run goes on',
    config: slowPlan,
    async run({ backend, cli, newestRun, stack }) {
      const plan = await cli.run('plan', {
        steps: [
          { when: planning, press: 'interrupt' },
          { when: backend === 'remote' ? question : '', press: 'interrupt' },
        ],
      })

      expect(plan.exitCode).to.equal(1)
      await stack.waitForRun((await newestRun()).id, 'planned_and_finished')
    },
  },
  {
    command: 'apply, Ctrl-C once while it plans',
    fact: 'asks whether to cancel, and cancels the run',
    config: slowPlan,
    async run({ cli, newestRun, stack, api, workspace }) {
      await cli.run('apply', {
        steps: [
          { when: planning, press: 'interrupt' },
          { when: question, answer: 'yes' },
        ],
      })

      await stack.waitForRun((await newestRun()).id, 'canceled')
      expect((await api.get(`/workspaces/${workspace.id}`)).json.data.attributes.locked).to.equal(false)
    },
  },
  {
    command: 'apply, Ctrl-C twice while it plans',
    fact: 'ends with 1; the run waits for a confirmation with the lock and can be discarded',
    config: slowPlan,
    async run({ cli, newestRun, stack, api, workspace }) {
      const apply = await cli.run('apply', {
        steps: [
          { when: planning, press: 'interrupt' },
          { when: question, press: 'interrupt' },
        ],
      })
      const { id } = await newestRun()
      await stack.waitForRun(id, 'planned')
      const held = await api.get(`/workspaces/${workspace.id}`)
      expectStatus(await api.post(`/runs/${id}/actions/discard`, {}), 202)
      const after = await api.get(`/workspaces/${workspace.id}`)

      expect(apply.exitCode).to.equal(1)
      expect(held.json.data.attributes.locked).to.equal(true)
      expect(after.json.data.attributes.locked).to.equal(false)
    },
  },
  {
    command: 'apply -auto-approve, Ctrl-C once',
    fact: 'cancels the run without a question; what was being made is in the state, what follows is not',
    config: slowApply,
    async run({ cli, newestRun, stack, api, workspace }) {
      await cli.run('apply -auto-approve', { steps: [{ when: applying, press: 'interrupt' }] })

      const run = await stack.waitForRun((await newestRun()).id, 'canceled')
      expect(run.attributes['canceled-at']).to.be.a('string')
      expect(await resourcesOf(api, workspace.id)).to.deep.equal(['null_wait.slow'])
    },
  },
  {
    command: 'apply, Ctrl-C twice while it applies',
    fact: 'ends with 1; the run is applied to its end',
    config: slowApply,
    async run({ cli, newestRun, stack }) {
      const apply = await cli.run('apply', {
        steps: [
          { when: question, answer: 'yes' },
          { when: applying, press: 'interrupt' },
          { when: question, press: 'interrupt' },
        ],
      })

      expect(apply.exitCode).to.equal(1)
      await stack.waitForRun((await newestRun()).id, 'applied')
    },
  },
]
