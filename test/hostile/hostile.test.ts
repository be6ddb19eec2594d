import { expect } from 'chai'
import fc from 'fast-check'
import { makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { hostileRequest } from './requests.ts'
import { changesOrganization, makeTarget, send } from './send.ts'

/** `npm run test:hostile` sends many more. */
const REQUESTS = 400

describe('hostile requests', function () {
  this.timeout(300_000)
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server?.stop())

  it('none of some hundred generated ones is answered 500 or more', async () => {
    const seed = Number(process.env.HOSTILE_SEED ?? 5)
    let target = await makeTarget(server)
    const failed: string[] = []

    for (const hostile of fc.sample(hostileRequest, { numRuns: REQUESTS, seed })) {
      const { status, text } = await send(server, target, hostile)
      if (status >= 500) failed.push(`${status} ${JSON.stringify(hostile)} ${text}`)
      if (status < 300 && changesOrganization(hostile)) target = await makeTarget(server)
    }

    expect(failed.join('\n')).to.equal('')
  })

  it('half a character in a text answers 422, also where a column of JSON would take the text', async () => {
    const { name } = await makeOrganization(server)
    const team = await server.api.post(`/organizations/${name}/teams`, document({ name: 'one' }))

    const answer = await server.api.patch(
      `/teams/${team.json.data.id}`,
      '{"data":{"attributes":{"name":"\\ud800","sso-team-id":"\\udfff"}}}',
    )

    expect(answer.status).to.equal(422)
    expect(answer.json.errors[0].source.pointer).to.equal('/data/attributes/name')
  })

  for (const word of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    it(`include, sort and status group named ${word} are unknown ones`, async () => {
      const { name } = await makeOrganization(server)

      const include = await server.api.get(`/organizations/${name}/workspaces?include=${word}`)
      const sort = await server.api.get(`/organizations/${name}/workspaces?sort=${word}`)
      const group = await server.api.get(`/organizations/${name}/runs?filter[status_group]=${word}`)

      expect([include.status, sort.status, group.status]).to.deep.equal([400, 200, 200])
    })
  }
})
