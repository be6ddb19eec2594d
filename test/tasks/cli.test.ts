import { expect } from 'chai'
import { type Cli, makeCli } from '../support/cli.ts'
import { type Received, startReceiver } from '../support/receiver.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'

/** A run task as a service is one: it takes the request, and calls back a moment later. */
describe('run tasks as the CLIs show them', function () {
  this.timeout(180_000)
  let stack: Stack
  let organization: string
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let verdict: Record<string, unknown>
  const plans: unknown[] = []

  async function callBack({ json }: Received): Promise<void> {
    const headers = { Authorization: `Bearer ${json.access_token}`, 'Content-Type': 'application/vnd.api+json' }
    const path = (url: string) => stack.url + new URL(url).pathname
    if (json.plan_json_api_url) plans.push(await (await fetch(path(json.plan_json_api_url), { headers })).json())
    const body = JSON.stringify(document(verdict))
    await fetch(path(json.task_result_callback_url), { method: 'PATCH', headers, body })
  }

  before(async () => {
    stack = await startStack({ env: { TOFUTF_OUTBOUND_ALLOW: '127.0.0.1' } })
    organization = await stack.makeOrganization()
    receiver = await startReceiver((req, res) => {
      res.end()
      if (req.json.stage !== 'test') setTimeout(() => void callBack(req), 100)
    })
  })
  after(async () => {
    await receiver.stop()
    await stack.stop()
  })

  async function makeWorkspace(cli: Cli): Promise<void> {
    const { id, name } = await stack.makeWorkspace(organization, { engine: cli.engine } as never)
    const task = expectStatus(
      await stack.api.post(
        `/organizations/${organization}/tasks`,
        document({ name: `cost-${name}`, url: receiver.url, category: 'task' }),
      ),
      201,
    )
    expectStatus(
      await stack.api.post(
        `/workspaces/${id}/tasks`,
        document(
          { 'enforcement-level': 'mandatory', stages: ['pre_plan', 'post_plan', 'pre_apply'] },
          { task: { data: { type: 'tasks', id: task.json.data.id } } },
        ),
      ),
      201,
    )
    await cli.configure(
      { backend: 'cloud', organization, workspace: { name } } as never,
      'resource "terraform_data" "a" {\n  input = "x"\n}\n',
    )
    await cli.ok('init -input=false')
  }

  for (const engine of ['terraform', 'tofu'] as const) {
    it(`${engine} apply waits for the tasks before and after its plan and before its apply, and prints what they say`, async () => {
      verdict = { status: 'passed', message: 'costs nothing' }
      const cli = await makeCli(engine, { server: stack.server })
      await makeWorkspace(cli)

      const apply = await cli.ok('apply -auto-approve')

      for (const stage of ['Pre-plan', 'Post-plan', 'Pre-apply']) expect(apply.stdout).to.include(`${stage} Tasks:`)
      expect(apply.stdout.match(/costs nothing/g)).to.have.length(3)
      expect(apply.stdout).to.include('Apply complete! Resources: 1 added')
      expect(plans.at(-1)).to.have.property('resource_changes')
      await cli.remove()
    })

    it(`${engine} apply ends with an error when a mandatory task fails after the plan`, async () => {
      verdict = { status: 'passed' }
      const cli = await makeCli(engine, { server: stack.server })
      await makeWorkspace(cli)
      verdict = { status: 'failed', message: 'too dear' }

      const apply = await cli.run('apply -auto-approve')

      expect(apply.exitCode).to.equal(1)
      expect(apply.output).to.include('too dear')
      await cli.remove()
    })
  }
})
