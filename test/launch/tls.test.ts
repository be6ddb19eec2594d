import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { localTls } from '../../server/launch/tls.ts'

describe('the local certificate', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tofutf-tls-'))
    await chmod(dataDir, 0o700)
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  it('is accepted for localhost and 127.0.0.1 by a client that trusts the authority', async () => {
    const tls = await localTls(dataDir)
    const server = createServer({ cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) }, (_, answer) =>
      answer.end('hello'),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo

    for (const host of ['localhost', '127.0.0.1']) {
      const out = request({ host, port, ca: await readFile(tls.caFile), family: 4, agent: false }).end()
      const [answer] = await once(out, 'response')
      answer.resume()
      expect(answer.statusCode).to.equal(200)
    }
    server.close()
  })

  it('stays the same at the next start, and is made again for a new host name by the same authority', async () => {
    const files = await localTls(dataDir)
    const [cert, ca] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.caFile, 'utf8')])

    await localTls(dataDir)
    expect(await readFile(files.certFile, 'utf8')).to.equal(cert)
    await localTls(dataDir, ['tofu.example.com'])

    expect(await readFile(files.certFile, 'utf8')).to.not.equal(cert)
    expect(await readFile(files.caFile, 'utf8')).to.equal(ca)
  })

  it('has keys that only the owner can read', async () => {
    const { keyFile } = await localTls(dataDir)

    for (const file of [keyFile, join(dataDir, 'tls', 'ca-key.pem')]) {
      expect((await stat(file)).mode & 0o777).to.equal(0o600)
    }
  })
})
