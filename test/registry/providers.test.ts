import { expect } from 'chai'
import { document, startServer, type TestServer } from '../support/server.ts'
import {
  goPlatform,
  makeOrganization,
  makeSigningKey,
  publishProvider,
  put,
  releaseOf,
  sha256,
  signDetached,
} from './publish.ts'

describe('registry providers', () => {
  let server: TestServer
  let stranger: string
  before(async () => {
    server = await startServer()
    await makeOrganization(server.api, 'acme')
    await makeOrganization(server.api, 'other')
    const token = await server.api.post('/organizations/other/authentication-token', document({}))
    stranger = token.json.data.attributes.token
  })
  after(() => server.stop())

  const base = '/organizations/acme/registry-providers'
  const keys = '/api/registry/private/v2/gpg-keys'
  const at = (name: string) => `${base}/private/acme/${name}`
  const create = (name: string) =>
    server.api.post(base, document({ name, namespace: 'acme', 'registry-name': 'private' }))
  const newVersion = (name: string, version: string, keyId = 'abcdefg') =>
    server.api.post(`${at(name)}/versions`, document({ version, 'key-id': keyId, protocols: ['5.0', '6.0'] }))
  const details = (answer: { json: { errors: { detail: string }[] } }) => answer.json.errors.map((e) => e.detail)

  it('a private provider is in the namespace of its organization, a public one in any', async () => {
    const own = await create('own_name')
    const bookmark = await server.api.post(
      base,
      document({ name: 'own_name', namespace: 'hashicorp', 'registry-name': 'public' }),
    )
    const wrong = await server.api.post(
      base,
      document({ name: 'x', namespace: 'elsewhere', 'registry-name': 'private' }),
    )

    expect([own.status, bookmark.status, wrong.status]).to.deep.equal([201, 201, 422])
    expect(own.json.data.attributes).to.include({ name: 'own_name', namespace: 'acme', 'registry-name': 'private' })
    expect((await create('own_name')).status).to.equal(422)
    expect((await server.api.get(`/registry-providers/${own.json.data.id}`)).json.data.id).to.equal(own.json.data.id)
  })

  it('a blank registry name has two errors, an unknown one has one', async () => {
    const answer = await server.api.post(base, document({ name: 'name', namespace: 'namespace', 'registry-name': '' }))
    const unknown = await server.api.post(base, document({ name: 'name', namespace: 'n', 'registry-name': 'invalid' }))

    expect(details(answer)).to.deep.equal(["Registry name can't be blank", 'Registry name is not included in the list'])
    expect(details(unknown)).to.deep.equal(['Registry name is not included in the list'])
  })

  it('a version has upload links at once, and download links when its files are there', async () => {
    await create('links')
    const made = await newVersion('links', '1.0.0')
    expect(made.status).to.equal(201)
    expect(made.json.data.links).to.have.keys('shasums-upload', 'shasums-sig-upload')

    await put(made.json.data.links['shasums-upload'], Buffer.from('abc'))

    const { data } = (await server.api.get(`${at('links')}/versions/1.0.0`)).json
    expect(data.attributes).to.include({ 'shasums-uploaded': true, 'shasums-sig-uploaded': false })
    expect(data.links).to.include.keys('shasums-download').and.not.include.keys('shasums-sig-download')
    expect(await (await fetch(data.links['shasums-download'])).text()).to.equal('abc')
  })

  it('a version that exists or has a leading v answers 422', async () => {
    await create('strict')
    await newVersion('strict', '1.0.0')

    const statuses = [await newVersion('strict', '1.0.0'), await newVersion('strict', 'v1.0.1')]

    expect(statuses.map(({ status }) => status)).to.deep.equal([422, 422])
  })

  it('versions and platforms are listed, read and deleted', async () => {
    await create('listed')
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await newVersion('listed', version)
    const platforms = `${at('listed')}/versions/1.2.0/platforms`
    const attributes = { os: 'linux', arch: 'amd64', shasum: 'shasum', filename: 'filename' }
    const added = await server.api.post(platforms, document(attributes))

    expect(added.status).to.equal(201)
    expect(added.json.data.attributes).to.include({ ...attributes, 'provider-binary-uploaded': false })
    expect((await server.api.post(platforms, document(attributes))).status).to.equal(422)
    expect((await server.api.get(platforms)).json.meta.pagination['total-count']).to.equal(1)
    expect((await server.api.get(`${platforms}/linux/amd64`)).json.data.id).to.equal(added.json.data.id)
    expect((await server.api.delete(`${platforms}/linux/amd64`)).status).to.equal(204)
    expect((await server.api.get(`${platforms}/linux/amd64`)).status).to.equal(404)
    const page = await server.api.get(`${at('listed')}/versions?page[size]=2`)
    expect(page.json.data).to.have.length(2)
    expect(page.json.meta.pagination).to.include({ 'total-count': 3, 'total-pages': 2 })
    const included = await server.api.get(`${at('listed')}?include=registry-provider-versions`)
    expect(included.json.included.map((v: { type: string }) => v.type)).to.deep.equal(
      Array(3).fill('registry-provider-versions'),
    )
    expect((await server.api.delete(`${at('listed')}/versions/1.0.0`)).status).to.equal(204)
    expect((await server.api.delete(`${at('listed')}/versions/1.0.0`)).status).to.equal(404)
  })

  it('a zip with another SHA-256 than its platform says is refused', async () => {
    await create('summed')
    await newVersion('summed', '1.0.0')
    const { zip, filename } = releaseOf('summed', '1.0.0')
    const platform = document({ ...goPlatform, shasum: sha256(zip), filename })
    const added = await server.api.post(`${at('summed')}/versions/1.0.0/platforms`, platform)
    const { 'provider-binary-upload': upload } = added.json.data.links

    expect((await put(upload, Buffer.from('another'))).status).to.equal(422)
    expect((await put(upload, zip)).status).to.equal(200)
  })

  it('a signature of another key, or an armored one, is refused', async () => {
    const [key, another] = await Promise.all([makeSigningKey(), makeSigningKey()])
    const added = await server.api.post(keys, document({ namespace: 'acme', 'ascii-armor': key.publicKey }))
    await create('signed')
    const made = await newVersion('signed', '1.0.0', added.json.data.attributes['key-id'])
    const { 'shasums-upload': sums, 'shasums-sig-upload': signature } = made.json.data.links
    const bytes = Buffer.from('0'.repeat(64))
    await put(sums, bytes)

    const statuses = [
      (await put(signature, await signDetached(another, bytes))).status,
      (await put(signature, await signDetached(key, Buffer.from('other bytes')))).status,
      (await put(signature, Buffer.from('-----BEGIN PGP SIGNATURE-----\n'))).status,
      (await put(signature, await signDetached(key, bytes))).status,
    ]

    expect(statuses).to.deep.equal([422, 422, 422, 200])
  })

  it('the CLIs are offered complete versions only', async () => {
    await publishProvider(server.api, 'acme', 'offered', '1.0.0')
    await newVersion('offered', '1.1.0')

    const { json } = await server.api.get('/api/registry/v1/providers/acme/offered/versions')

    expect(json.versions).to.deep.equal([{ version: '1.0.0', protocols: ['5.0'], platforms: [goPlatform] }])
    const download = (path: string) => server.api.get(`/api/registry/v1/providers/acme/offered/${path}`)
    expect((await download('1.1.0/download/linux/amd64')).status).to.equal(404)
    expect((await download('1.0.0/download/plan9/mips')).status).to.equal(404)
  })

  it("another organization's provider answers 404", async () => {
    await publishProvider(server.api, 'acme', 'hidden', '1.0.0')
    const api = server.as(stranger)

    const answers = [
      await api.get(at('hidden')),
      await api.get(`${at('hidden')}/versions`),
      await api.get('/api/registry/v1/providers/acme/hidden/versions'),
      await api.get(`/api/registry/v1/providers/acme/hidden/1.0.0/download/${goPlatform.os}/${goPlatform.arch}`),
      await api.delete(at('hidden')),
    ]

    expect(answers.map(({ status }) => status)).to.deep.equal([404, 404, 404, 404, 404])
  })

  describe('GPG keys', () => {
    it('a key has a number as id and its own key-id, and is listed by namespace', async () => {
      await makeOrganization(server.api, 'keys')
      const { publicKey } = await makeSigningKey()

      const added = await server.api.post(keys, document({ namespace: 'keys', 'ascii-armor': publicKey }))

      expect(added.status).to.equal(201)
      expect(added.json.data.id).to.match(/^\d+$/)
      expect(added.json.data.attributes['key-id']).to.match(/^[0-9A-F]{16}$/)
      expect(added.json.data.attributes).to.include({ namespace: 'keys', 'ascii-armor': publicKey, source: '' })
      const list = await server.api.get(`${keys}?filter[namespace]=keys`)
      expect(list.json.data.map((k: { id: string }) => k.id)).to.deep.equal([added.json.data.id])
      expect((await server.api.get(keys)).status).to.equal(400)
      expect((await server.api.post(keys, document({ namespace: 'keys', 'ascii-armor': publicKey }))).status).to.equal(
        422,
      )
    })

    it('text that is no key, and a private key, are refused', async () => {
      const { privateKey } = await makeSigningKey()

      for (const armor of ['nonsense', privateKey]) {
        const answer = await server.api.post(keys, document({ namespace: 'acme', 'ascii-armor': armor }))
        expect(answer.status).to.equal(422)
        expect(answer.text).to.not.contain(privateKey.slice(100, 140))
      }
    })

    it('a key moves to a namespace of its owner, and to no other', async () => {
      await makeOrganization(server.api, 'from')
      await makeOrganization(server.api, 'to')
      const { publicKey } = await makeSigningKey()
      const added = await server.api.post(keys, document({ namespace: 'from', 'ascii-armor': publicKey }))
      const path = `${keys}/from/${added.json.data.attributes['key-id']}`

      const refused = await server.api.patch(path, document({ namespace: 'nowhere' }))
      const moved = await server.api.patch(path, document({ namespace: 'to' }))

      expect(details(refused)).to.deep.equal(['namespace not authorized'])
      expect(moved.json.data.attributes.namespace).to.equal('to')
      expect((await server.api.get(path)).status).to.equal(404)
      expect((await server.api.delete(path.replace('/from/', '/to/'))).status).to.equal(204)
    })

    it('a stranger neither reads nor adds keys of a namespace', async () => {
      const { publicKey } = await makeSigningKey()
      const api = server.as(stranger)

      const added = await api.post(keys, document({ namespace: 'acme', 'ascii-armor': publicKey }))

      expect(details(added)).to.deep.equal(['namespace not authorized'])
      expect((await api.get(`${keys}?filter[namespace]=acme`)).status).to.equal(404)
    })
  })
})
