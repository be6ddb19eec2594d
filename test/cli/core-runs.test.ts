import { expect } from 'chai'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { expectStatus, logOf, type Stack, startStack, type WorkspaceAttributes } from '../support/stack.ts'
import { currentState, putState, resourcesOf } from '../support/states.ts'
import { appliedOne, oneResource } from './scenario.ts'

const input = (value: string) => oneResource.replace('"x"', JSON.stringify(value))

describe('runs on real workers', function () {
  this.timeout(60_000)
  let stack: Stack
  let organization: string
  before(async () => {
    stack = await startStack()
    organization = await stack.makeOrganization()
  })
  after(() => stack?.stop())

  /** A workspace with this main.tf as its configuration. */
  async function workspaceWith(
    main: string,
    attributes?: WorkspaceAttributes,
  ): Promise<{ id: string; configurationId: string }> {
    const { id } = await stack.makeWorkspace(organization, attributes)
    return { id, configurationId: await uploadConfiguration(stack.api, id, { 'main.tf': main }) }
  }
  const confirm = async (id: string) => expectStatus(await stack.api.post(`/runs/${id}/actions/apply`, {}), 202)
  const apply = async (workspaceId: string, attributes: object = {}, configurationId?: string) =>
    stack.waitForRun(
      await startRun(stack.api, workspaceId, { 'auto-apply': true, ...attributes }, configurationId),
      'applied',
    )
  const phaseOf = async (run: { relationships: Record<string, { data: { id: string } }> }, phase: 'plan' | 'apply') => {
    const path = phase === 'plan' ? 'plans' : 'applies'
    return expectStatus(await stack.api.get(`/${path}/${run.relationships[phase]!.data.id}`), 200).json.data.attributes
  }

  it('CORE-19 with allow-empty-apply a run without changes can be confirmed, and ends applied', async () => {
    const { id } = await workspaceWith(oneResource)
    await putState(stack.api, id, appliedOne)

    const runId = await startRun(stack.api, id, { 'allow-empty-apply': true })
    const planned = await stack.waitForRun(runId, 'planned')
    await confirm(runId)
    await stack.waitForRun(runId, 'applied')

    expect(planned.attributes['has-changes']).to.equal(false)
    expect(planned.attributes.actions['is-confirmable']).to.equal(true)
  })

  it('CORE-20 a run with a target applies that resource only', async () => {
    const { id } = await workspaceWith(`${oneResource}\nresource "terraform_data" "b" {}\n`)

    const run = await apply(id, { 'target-addrs': ['terraform_data.a'] })

    expect(run.attributes['target-addrs']).to.deep.equal(['terraform_data.a'])
    expect(await resourcesOf(stack.api, id)).to.deep.equal(['terraform_data.a'])
  })

  it('CORE-21 a run of a speculative configuration is plan-only, whatever the request says', async () => {
    const { id } = await workspaceWith(oneResource)
    const speculative = await uploadConfiguration(stack.api, id, { 'main.tf': oneResource }, { speculative: true })

    const run = await stack.waitForRun(
      await startRun(stack.api, id, { 'plan-only': false }, speculative),
      'planned_and_finished',
    )

    expect(run.attributes['plan-only']).to.equal(true)
    expect(run.attributes.actions['is-confirmable']).to.equal(false)
  })

  it('CORE-24 a run that names no configuration uses the last one that was not speculative', async () => {
    const { id, configurationId } = await workspaceWith(input('first'))
    await apply(id)
    const speculative = await uploadConfiguration(stack.api, id, { 'main.tf': input('other') }, { speculative: true })
    await stack.waitForRun(await startRun(stack.api, id, {}, speculative), 'planned_and_finished')

    const run = await stack.waitForRun(await startRun(stack.api, id), 'planned_and_finished')

    expect(run.relationships['configuration-version'].data.id).to.equal(configurationId)
    expect(run.attributes['has-changes']).to.equal(false)
  })

  it('CORE-27 the log is read in pieces of any size, and past its end it is empty', async () => {
    const { id } = await workspaceWith(oneResource)
    const run = await apply(id)
    for (const phase of ['plan', 'apply'] as const) {
      const url = (await phaseOf(run, phase))['log-read-url']
      const read = async (query: string) => {
        const answer = await fetch(`${url}?${query}`)
        expect(answer.status).to.equal(200)
        return Buffer.from(await answer.arrayBuffer())
      }

      const whole = await read('limit=1000000&offset=0')
      const pieces: Buffer[] = []
      for (let offset = 0; offset < whole.length; offset += 4) pieces.push(await read(`limit=4&offset=${offset}`))

      expect(Buffer.concat(pieces).equals(whole)).to.equal(true)
      expect([whole.at(0), whole.at(-1)]).to.deep.equal([2, 3])
      expect((await read(`limit=4&offset=${whole.length}`)).length).to.equal(0)
      expect((await read(`limit=4&offset=${whole.length + 1000}`)).length).to.equal(0)
    }
  })

  it('CORE-28 a bare line between the JSON lines of the engine is in the log, in its place', async () => {
    const bare = 'panic: {"not json [0m'
    const { id } = await workspaceWith(`
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo before; printf '%s\\\\n' \\"$BARE\\" > /proc/$PPID/fd/1; echo after"
    environment = { BARE = ${JSON.stringify(bare)} }
  }
}
`)
    const run = await apply(id)

    const lines = (await logOf(stack.api, run)).split('\n')

    const at = lines.indexOf(bare)
    expect(at).to.be.greaterThan(0)
    expect(JSON.parse(lines[at - 1]!)).to.have.property('@message')
    expect(JSON.parse(lines[at + 1]!)).to.have.property('@message')
  })

  it('CORE-32 a destroy run counts destructions only and empties the state; it answers 422 where that is forbidden', async () => {
    const { id } = await workspaceWith(oneResource)
    await apply(id)

    const run = await stack.waitForRun(await startRun(stack.api, id, { 'is-destroy': true }), 'planned')
    const plan = await phaseOf(run, 'plan')
    await confirm(run.id)
    await stack.waitForRun(run.id, 'applied')
    await stack.api.patch(`/workspaces/${id}`, document({ 'allow-destroy-plan': false }))
    const relationships = { workspace: { data: { type: 'workspaces', id } } }
    const forbidden = await stack.api.post('/runs', document({ 'is-destroy': true }, relationships))

    expect(plan).to.include({ 'resource-additions': 0, 'resource-changes': 0, 'resource-destructions': 1 })
    expect(await resourcesOf(stack.api, id)).to.deep.equal([])
    expect(forbidden.status).to.equal(422)
  })

  it('CORE-33 an auto-applied run without changes is planned_and_finished, its apply unreachable', async () => {
    const { id } = await workspaceWith(oneResource, { 'auto-apply': true })
    await putState(stack.api, id, appliedOne)

    const run = await stack.waitForRun(await startRun(stack.api, id), 'planned_and_finished')

    expect(run.attributes['has-changes']).to.equal(false)
    expect((await phaseOf(run, 'apply')).status).to.equal('unreachable')
  })

  it('CORE-35 files that a run leaves behind are not there for the next one', async () => {
    const litter = `
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "touch tfplan stray.auto.tfvars ../beside; echo 'left = true' > left.tf"
  }
}
`
    const looks = `
output "files" {
  value = setunion(fileset(path.module, "*"), fileset("\${path.module}/..", "*"))
}
`
    const first = await workspaceWith(litter)
    const other = await workspaceWith(looks)
    await apply(first.id)
    await uploadConfiguration(stack.api, first.id, { 'main.tf': looks })

    for (const { id } of [first, other]) {
      await apply(id)

      const files = (await currentState(stack.api, id))?.outputs.files?.value as string[]
      expect(files).to.include('main.tf').and.not.include.members(['stray.auto.tfvars'])
      expect(files.filter((name) => ['stray.auto.tfvars', 'left.tf', 'beside'].includes(name))).to.deep.equal([])
    }
  })

  it('CORE-36 a planned run applies the configuration that it planned, although a newer one was uploaded', async () => {
    const { id, configurationId } = await workspaceWith(input('one'))
    const { id: runId } = await stack.waitForRun(await startRun(stack.api, id), 'planned')
    await uploadConfiguration(stack.api, id, { 'main.tf': input('two') })

    await confirm(runId)
    const run = await stack.waitForRun(runId, 'applied')

    expect((await currentState(stack.api, id))?.outputs.a?.value).to.equal('one')
    expect(run.relationships['configuration-version'].data.id).to.equal(configurationId)
  })

  it('CORE-40 what a provisioner prints does not change the counters', async () => {
    const { id } = await workspaceWith(`
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo 'Plan: 99 to add, 99 to change, 99 to destroy.'; echo 'Apply complete! Resources: 99 added'"
  }
}
`)
    const run = await apply(id)

    for (const phase of ['plan', 'apply'] as const) {
      expect((await phaseOf(run, phase))['resource-additions']).to.equal(1)
    }
  })
})
