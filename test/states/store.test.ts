import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { ClaimLost } from '../../shared/phase.ts'
import { storeState } from '../../shared/states/store.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { stateFile } from '../support/states.ts'
import { announce, current, LINEAGE, makeWorkspace, md5Of, put, versionCount } from './setup.ts'

describe("storing a run's state", () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(() => server.stop())

  async function makeRun(): Promise<{ workspaceId: string; runId: string }> {
    const { id } = await makeWorkspace(server)
    const made = (await server.api.post(`/workspaces/${id}/configuration-versions`, document({}))).json.data
    await put(made.attributes['upload-url'], gzipSync('x'))
    const runs = await server.api.get(`/workspaces/${id}/runs`)
    return { workspaceId: id, runId: runs.json.data[0].id }
  }

  const store = (
    run: { workspaceId: string; runId: string },
    serial: number,
    intermediate: boolean,
    guard = async () => {},
  ) => {
    const file = stateFile({ serial, lineage: LINEAGE, resources: { [`r${serial}`]: 'x' } })
    const state = { ...run, serial, lineage: LINEAGE, md5: md5Of(file), intermediate, engineVersion: '1.11.4' }
    return storeState(server.app, state, Readable.from([Buffer.from(file)]), guard)
  }

  it('an intermediate version is current at once, and the last one after it', async () => {
    const run = await makeRun()

    const first = await store(run, 1, true)
    expect((await current(server.api, run.workspaceId)).json.data.id).to.equal(first)
    const last = await store(run, 2, false)

    const { id, attributes, relationships } = (await current(server.api, run.workspaceId)).json.data
    expect(id).to.equal(last)
    expect(attributes).to.include({ status: 'finalized', serial: 2, intermediate: false, 'resources-processed': true })
    expect(relationships.run.data).to.deep.equal({ type: 'runs', id: run.runId })
    const read = await server.api.get(
      `/state-versions/${last}?include=run,created_by,run.created_by,run.configuration_version,outputs`,
    )
    expect(read.json.included.map((o: { type: string }) => o.type)).to.include.members([
      'runs',
      'users',
      'configuration-versions',
    ])
  })

  it('a writer whose claim is lost stores nothing', async () => {
    const run = await makeRun()
    const lost = async () => {
      throw new ClaimLost()
    }

    const error = await store(run, 1, false, lost).catch((e: unknown) => e)

    expect(error).to.be.instanceOf(ClaimLost)
    expect(await versionCount(server, run.workspaceId)).to.equal(0)
  })

  it('bytes that are not those announced are refused, and their blob is gone', async () => {
    const run = await makeRun()
    const state = { ...run, serial: 1, lineage: LINEAGE, md5: md5Of('other'), intermediate: false, engineVersion: '1' }
    const blobs = () =>
      server.app.db.oneFirst(sql.type(z.object({ count: z.number() }))`select count(*)::int as count from blobs`)
    const before = await blobs()

    const error = await storeState(server.app, state, Readable.from([Buffer.from('{}')]), async () => {}).catch(
      (e: Error) => e,
    )

    expect(String(error)).to.contain('MD5')
    expect(await blobs()).to.equal(before)
  })

  it('while a run holds the workspace nobody else writes its state: 409 names the run', async () => {
    const { workspaceId, runId } = await makeRun()

    const refused = await announce(server.api, workspaceId, '{}')

    expect(refused.status).to.equal(409)
    expect(refused.json.errors[0].detail).to.contain(`locked by Run ${runId}`)
  })
})
