import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { destroyIdle } from '../../worker/background/auto-destroy.ts'
import { makeOrganization } from '../support/people.ts'
import { makeRunnable } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'

describe('auto-destroy', () => {
  let server: TestServer
  let organization: { name: string; id: string; projectId: string }
  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
  })
  after(() => server.stop())

  const past = '2025-01-01T00:00:00.000Z'

  async function workspaceWithResources(attributes: Record<string, unknown>): Promise<string> {
    const { workspaceId } = await makeRunnable(server, organization.name, attributes)
    await putState(server.api, workspaceId, { resources: { a: 'x' } })
    return workspaceId
  }

  const runsOf = async (workspaceId: string) =>
    (await server.api.get(`/workspaces/${workspaceId}/runs`)).json.data.map(
      (run: { attributes: unknown }) => run.attributes,
    )

  const idleFor = (workspaceId: string, days: number) =>
    server.app.db.query(sql.void`
      update workspaces
      set latest_change_at = latest_change_at - make_interval(days => ${days})
      where id = ${workspaceId}`)

  it('at its time a workspace gets one destroy run that needs no confirmation, and no second one', async () => {
    const workspaceId = await workspaceWithResources({ 'auto-destroy-at': past })

    await destroyIdle(server.app)
    await destroyIdle(server.app)

    const runs = await runsOf(workspaceId)
    expect(runs).to.have.length(1)
    expect(runs[0]).to.include({ 'is-destroy': true, 'auto-apply': true })
    expect((await server.api.get(`/workspaces/${workspaceId}`)).json.data.attributes['auto-destroy-at']).to.equal(null)
  })

  it('a workspace that a person locked waits until it is unlocked', async () => {
    const workspaceId = await workspaceWithResources({ 'auto-destroy-at': past })
    await server.api.post(`/workspaces/${workspaceId}/actions/lock`)

    await destroyIdle(server.app)
    expect(await runsOf(workspaceId)).to.have.length(0)
    await server.api.post(`/workspaces/${workspaceId}/actions/unlock`)
    await destroyIdle(server.app)

    expect(await runsOf(workspaceId)).to.have.length(1)
  })

  it('a workspace that allows no destroy plans is left alone', async () => {
    const workspaceId = await workspaceWithResources({ 'auto-destroy-at': past, 'allow-destroy-plan': false })

    await destroyIdle(server.app)

    expect(await runsOf(workspaceId)).to.have.length(0)
  })

  it('the time without activity is counted from the last change, and comes from the project unless set', async () => {
    const project = await server.api.post(
      `/organizations/${organization.name}/projects`,
      document({ name: 'short-lived', 'auto-destroy-activity-duration': '3d' }),
    )
    const own = await workspaceWithResources({ 'auto-destroy-activity-duration': '14d' })
    const inherits = await workspaceWithResources({})
    await server.api.patch(
      `/workspaces/${inherits}`,
      document({}, { project: { data: { type: 'projects', id: project.json.data.id } } }),
    )
    await idleFor(own, 5)
    await idleFor(inherits, 5)

    await destroyIdle(server.app)
    expect(await runsOf(own)).to.have.length(0)
    expect(await runsOf(inherits)).to.have.length(1)
    await idleFor(own, 10)
    await destroyIdle(server.app)

    expect(await runsOf(own)).to.have.length(1)
  })

  it('a time that is no number and unit is refused', async () => {
    const answer = await server.api.post(
      `/organizations/${organization.name}/workspaces`,
      document({ name: 'wrong', 'auto-destroy-activity-duration': '2 weeks' }),
    )

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].detail).to.match(/up to 4 numeric digits and 1 unit/)
  })
})
