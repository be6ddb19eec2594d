import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

describe('variables of a workspace', () => {
  let server: TestServer
  let acme: Awaited<ReturnType<typeof makeOrganization>>
  let path: string
  let workspaceId: string
  before(async () => {
    server = await startServer()
    acme = await makeOrganization(server)
  })
  after(() => server.stop())
  beforeEach(async () => {
    workspaceId = (await makeWorkspace(server, acme)).id
    path = `/workspaces/${workspaceId}/vars`
  })

  const create = (attributes: Record<string, unknown>) =>
    server.api.post(path, document({ category: 'terraform', ...attributes }))

  it('keep their value byte for byte, and get a new version with every change', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it must arrive as it is
    const value = ' "quoted" ${not.interpolated}\n\ttab ünï😀 '

    const created = await create({ key: 'region', value })

    expect(created.status).to.equal(201)
    expect(created.json.data.attributes).to.include({
      key: 'region',
      value,
      hcl: false,
      sensitive: false,
      category: 'terraform',
    })
    expect(created.json.data.relationships.configurable.data).to.deep.equal({ type: 'workspaces', id: workspaceId })
    const one = `${path}/${created.json.data.id}`
    const changed = await server.api.patch(one, document({ description: 'where' }))
    expect(changed.json.data.attributes).to.include({ value, description: 'where' })
    expect(changed.json.data.attributes['version-id']).not.to.equal(created.json.data.attributes['version-id'])
    expect((await server.api.get(one)).json.data.attributes.value).to.equal(value)
    expect((await server.api.delete(one)).status).to.equal(204)
    expect((await server.api.get(one)).status).to.equal(404)
  })

  it('API-13 the value of a sensitive variable is null in every answer, and stored sealed', async () => {
    const secret = 'correct horse battery staple'

    const created = await create({ key: 'password', value: secret, sensitive: true })
    const one = `${path}/${created.json.data.id}`

    const answers = [
      created,
      await server.api.get(one),
      await server.api.patch(one, document({ description: 'changed' })),
      await server.api.get(path),
      await server.api.get(`/workspaces/${workspaceId}/all-vars`),
    ]
    for (const answer of answers) {
      const data = [answer.json.data].flat()[0]
      expect(data.attributes).to.have.property('value', null)
      expect(answer.text).not.to.contain(secret)
    }
    const stored = await server.app.db.oneFirst(sql.type(z.object({ value: z.instanceof(Buffer) }))`
      select value from variables where id = ${created.json.data.id}`)
    expect(stored.toString('latin1')).not.to.contain(secret)
  })

  it('a sensitive variable never becomes readable again', async () => {
    const created = await create({ key: 'password', value: 'x', sensitive: true })
    const one = `${path}/${created.json.data.id}`

    expect((await server.api.patch(one, document({ sensitive: false }))).status).to.equal(422)
    expect((await server.api.patch(one, document({ sensitive: true, value: 'y' }))).status).to.equal(200)
  })

  it('a key is taken once per category', async () => {
    await create({ key: 'a' })

    expect((await create({ key: 'a', category: 'env' })).status).to.equal(201)
    const again = await create({ key: 'a' })
    expect(again.status).to.equal(422)
    expect(again.json.errors[0]).to.deep.include({
      detail: 'Key has already been taken',
      source: { pointer: '/data/attributes/key' },
    })
  })

  it('SEC-46 keys that cannot be names, HCL in the environment and texts that are too long answer 422', async () => {
    for (const [attributes, pointer] of [
      [{ key: '' }, 'key'],
      [{ key: 'a b' }, 'key'],
      [{ key: '../x' }, 'key'],
      [{ key: 'a=b', category: 'env' }, 'key'],
      [{ key: 'a\nb', category: 'env' }, 'key'],
      [{ key: 'k'.repeat(300) }, 'key'],
      [{ key: 'a', category: 'env', hcl: true }, 'hcl'],
      [{ key: 'a', category: 'other' }, 'category'],
      [{ key: 'a', description: 'x'.repeat(513) }, 'description'],
      [{ key: 'a', value: 'x'.repeat(256 * 1024 + 1) }, 'value'],
      [{ key: 'a', value: 'x\u0000y' }, 'value'],
    ] as const) {
      const answer = await create(attributes)
      expect(answer.status, JSON.stringify(attributes).slice(0, 60)).to.equal(422)
      expect(answer.json.errors[0].source.pointer).to.equal(`/data/attributes/${pointer}`)
    }
    expect((await create({ key: 'big', value: 'x'.repeat(256 * 1024) })).status).to.equal(201)
  })

  it('come all at once unless a page is asked for', async () => {
    for (let i = 0; i < 25; i++) await create({ key: `k${i}` })

    expect((await server.api.get(path)).json.data).to.have.length(25)
    const paged = await server.api.get(`${path}?page[size]=10&page[number]=3`)
    expect(paged.json.data).to.have.length(5)
    expect(paged.json.meta.pagination['total-count']).to.equal(25)
  })

  it('are read with the right to read variables and changed with the right to write them', async () => {
    const created = await create({ key: 'a', value: '1' })
    const reader = await makeMember(server, acme, { workspaces: { [workspaceId]: 'read' } })
    const writer = await makeMember(server, acme, { workspaces: { [workspaceId]: 'write' } })
    const stranger = await makeMember(server, acme)
    const one = `${path}/${created.json.data.id}`

    expect((await reader.api.get(path)).status).to.equal(200)
    expect((await reader.api.patch(one, document({ value: '2' }))).status).to.equal(403)
    expect((await writer.api.patch(one, document({ value: '2' }))).status).to.equal(200)
    expect((await stranger.api.get(path)).status).to.equal(404)
    const other = await makeWorkspace(server, acme)
    expect((await server.api.get(`/workspaces/${other.id}/vars/${created.json.data.id}`)).status).to.equal(404)
  })
})
