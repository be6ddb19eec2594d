import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { uploadConfiguration } from '../support/configurations.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack, startStack } from '../support/stack.ts'

const MB = 1024 * 1024
const STATE_BYTES = 120 * MB

const residentMb = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

describe('a large state', function () {
  this.timeout(120_000)
  let stack: Stack
  before(async function () {
    if (!existsSync('/proc/self/status')) this.skip()
    stack = await startStack({ runners: 0, tls: false })
  })
  after(() => stack?.stop())

  it('CORE-07 120 MB up and down again are byte-identical, and the web process grows by less than the file', async () => {
    const { pid } = stack.webs[0]!
    const part = randomBytes(MB)
    const body = () => Readable.from(Array.from({ length: STATE_BYTES / MB }, () => part))
    const hash = createHash('md5')
    for await (const piece of body()) hash.update(piece)
    const md5 = hash.digest('hex')
    const workspace = await stack.makeWorkspace(await stack.makeOrganization())
    expectStatus(await stack.api.post(`/workspaces/${workspace.id}/actions/lock`), 200)
    // a server that has served before: what it loads at its first request is not what the file costs
    await uploadConfiguration(stack.api, workspace.id, { 'main.tf': randomBytes(8 * MB).toString('base64') })
    const made = await stack.api.post(`/workspaces/${workspace.id}/state-versions`, document({ serial: 1, md5 }))
    const { id, attributes } = expectStatus(made, 201).json.data
    const beforeMb = await residentMb(pid)
    let peakMb = 0
    const timer = setInterval(() => void residentMb(pid).then((mb) => (peakMb = Math.max(peakMb, mb))), 25)

    const upload = await fetch(attributes['hosted-state-upload-url'], {
      method: 'PUT',
      body: body() as unknown as ReadableStream,
      duplex: 'half',
      headers: { 'Content-Length': `${STATE_BYTES}` },
    } as RequestInit)
    expect(upload.status).to.equal(200)
    const read = expectStatus(await stack.api.get(`/state-versions/${id}`), 200).json.data.attributes
    const download = await fetch(read['hosted-state-download-url'])
    const came = createHash('md5')
    for await (const piece of download.body!) came.update(piece)
    clearInterval(timer)

    expect(read.status).to.equal('finalized')
    expect(came.digest('hex')).to.equal(md5)
    expect(peakMb - beforeMb)
      .to.be.greaterThan(0)
      .and.lessThan(STATE_BYTES / MB)
  })
})
