import { expect } from 'chai'
import { sql } from '../../db/sql.ts'
import { newId } from '../../shared/ids.ts'
import { type Member, makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('locking a workspace', () => {
  let server: TestServer
  let organization: Awaited<ReturnType<typeof makeOrganization>>
  let alice: Member
  let bob: Member
  before(async () => {
    server = await startServer()
    organization = await makeOrganization(server)
    alice = await makeMember(server, organization, { flags: ['manage-workspaces'] })
    bob = await makeMember(server, organization, { flags: ['manage-workspaces'] })
  })
  after(() => server.stop())

  const actions = (w: { id: string }) => ({
    lock: `/workspaces/${w.id}/actions/lock`,
    unlock: `/workspaces/${w.id}/actions/unlock`,
    force: `/workspaces/${w.id}/actions/force-unlock`,
  })

  it('QUEUE-11 of two who lock at the same instant one wins, a hundred times over', async function () {
    this.timeout(120_000)
    const w = await makeWorkspace(server, organization)
    const { lock, force } = actions(w)
    for (let round = 0; round < 100; round++) {
      const answers = await Promise.all([alice.api.post(lock), bob.api.post(lock)])
      const winner = answers[0]!.status === 200 ? alice : bob

      expect(answers.map((a) => a.status).sort()).to.deep.equal([200, 409])
      const { json } = await server.api.get(`/workspaces/${w.id}`)
      expect(json.data.relationships['locked-by'].data).to.deep.equal({ type: 'users', id: winner.userId })
      await server.api.post(force)
    }
  })

  it('QUEUE-29 the name and the id of a workspace address the same lock', async () => {
    const w = await makeWorkspace(server, organization)
    await alice.api.post(actions(w).lock, { data: { type: '', attributes: { reason: 'Locked by Terraform' } } })

    const forced = await server.api.post(
      `/organizations/${organization.name}/workspaces/${w.attributes.name}/actions/force-unlock`,
      {},
    )

    expect(forced.status).to.equal(200)
    expect((await server.api.get(`/workspaces/${w.id}`)).json.data.attributes.locked).to.equal(false)
  })

  it('QUEUE-31 an empty body locks without a reason, broken JSON answers 400 and locks nothing', async () => {
    const w = await makeWorkspace(server, organization)

    const broken = await alice.api.post(actions(w).lock, '{')
    expect(broken.status).to.equal(400)
    expect(broken.json.errors[0].status).to.equal('400')
    expect((await alice.api.get(`/workspaces/${w.id}`)).json.data.attributes.locked).to.equal(false)

    const empty = await alice.api.post(actions(w).lock)
    expect(empty.status).to.equal(200)
    expect(empty.json.data.attributes).to.include({ locked: true, 'locked-reason': '' })
  })

  it('QUEUE-32 a team token locks as its team and unlocks again', async () => {
    const w = await makeWorkspace(server, organization)

    const locked = await alice.teamApi.post(actions(w).lock)
    expect(locked.status).to.equal(200)
    expect(locked.json.data.attributes.locked).to.equal(true)
    expect(locked.json.data.relationships['locked-by'].data).to.deep.equal({ type: 'teams', id: alice.teamId })
    expect((await bob.api.post(actions(w).unlock)).text).to.contain('is locked by Team')

    const unlocked = await alice.teamApi.post(actions(w).unlock)
    expect(unlocked.status).to.equal(200)
    expect(unlocked.json.data.attributes.locked).to.equal(false)
  })

  it('QUEUE-33 locking a locked workspace answers 409 as JSON:API and keeps the holder, even for the holder', async () => {
    const w = await makeWorkspace(server, organization)
    await alice.api.post(actions(w).lock)

    for (const api of [bob.api, alice.api, server.api]) {
      const answer = await api.post(actions(w).lock)
      expect(answer.status).to.equal(409)
      expect(answer.headers.get('content-type')).to.match(/^application\/vnd\.api\+json/)
      expect(answer.json.errors[0].title).to.equal('workspace already locked')
    }
    const { json } = await server.api.get(`/workspaces/${w.id}`)
    expect(json.data.relationships['locked-by'].data.id).to.equal(alice.userId)
  })

  it('only the holder unlocks; others are told who it is', async () => {
    const w = await makeWorkspace(server, organization)
    await alice.api.post(actions(w).lock)

    const answer = await bob.api.post(actions(w).unlock)

    expect(answer.status).to.equal(409)
    expect(answer.json.errors[0].detail).to.contain(`is locked by User ${alice.username}`)
    expect((await bob.api.post(actions(w).force)).status).to.equal(200)
  })

  it('unlocking an unlocked workspace answers 409, by force too', async () => {
    const w = await makeWorkspace(server, organization)

    expect((await alice.api.post(actions(w).unlock)).json.errors[0].title).to.equal('workspace not locked')
    expect((await alice.api.post(actions(w).force)).status).to.equal(409)
  })

  it('its holder cannot unlock while a state version of this lock is pending; force-unlock can', async () => {
    const w = await makeWorkspace(server, organization)
    await alice.api.post(actions(w).lock)
    await server.app.db.query(sql.void`
      insert into state_versions (id, workspace_id, serial, md5)
      values (${newId('sv')}, ${w.id}, 1, 'd41d8cd98f00b204e9800998ecf8427e')`)

    const refused = await alice.api.post(actions(w).unlock)

    expect(refused.status).to.equal(409)
    expect(refused.json.errors[0].detail).to.contain('latest state version is still pending')
    expect((await alice.api.post(actions(w).force)).status).to.equal(200)
  })

  it('somebody who only reads the workspace can neither lock it nor take a lock away', async () => {
    const w = await makeWorkspace(server, organization)
    const reader = await makeMember(server, organization, { workspaces: { [w.id]: 'read' } })
    const stranger = await makeMember(server, organization)

    expect((await reader.api.post(actions(w).lock)).status).to.equal(403)
    expect((await reader.api.post(actions(w).force)).status).to.equal(403)
    expect((await stranger.api.post(actions(w).lock)).status).to.equal(404)
  })
})
