import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { phaseWork } from '../../shared/runs/work.ts'
import { writeSshKey } from '../../worker/execute/ssh-key.ts'
import { createWorkdir } from '../../worker/execute/workdir.ts'
import { makeMember, makeOrganization, makeWorkspace } from '../support/people.ts'
import { makeRunnable, take } from '../support/runs.ts'
import { document, startServer, type TestServer } from '../support/server.ts'

const run = promisify(execFile)

describe('SSH keys', () => {
  let server: TestServer
  let folder: string
  before(async () => {
    server = await startServer()
    folder = await mkdtemp(join(tmpdir(), 'tofutf-ssh-'))
  })
  after(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function newKey(): Promise<{ privateKey: string; publicKey: string }> {
    const file = join(folder, `key-${Math.random().toString(36).slice(2)}`)
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file])
    return { privateKey: await readFile(file, 'utf8'), publicKey: await readFile(`${file}.pub`, 'utf8') }
  }

  it('WEB-09 a key pasted with CRLF reaches the run as ssh reads it, and no read of the key shows it', async function () {
    if (await run('ssh-keygen', ['-?']).catch((e) => e.code === 'ENOENT')) this.skip()
    const organization = await makeOrganization(server)
    const { privateKey, publicKey } = await newKey()
    const pasted = `\r\n${privateKey.replaceAll('\n', '\r\n')}\r\n\r\n`

    const created = await server.api.post(
      `/organizations/${organization.name}/ssh-keys`,
      document({ name: 'git', value: pasted }),
    )
    const { workspaceId } = await makeRunnable(server, organization.name)
    const assigned = await server.api.patch(`/workspaces/${workspaceId}/relationships/ssh-key`, {
      data: { type: 'workspaces', attributes: { id: created.json.data.id } },
    })
    const made = await server.api.post(
      '/runs',
      document({}, { workspace: { data: { type: 'workspaces', id: workspaceId } } }),
    )
    const claim = await take(server, made.json.data.id, 'plan')
    const work = await phaseWork(server.app, claim, server.url)

    expect(created.status).to.equal(201)
    expect(assigned.json.data.relationships['ssh-key'].data.id).to.equal(created.json.data.id)
    expect(work.sshKey).to.equal(privateKey)
    const dir = await createWorkdir(folder, made.json.data.id)
    const command = await writeSshKey(dir, work.sshKey!)
    const file = join(dir.root, 'ssh-key')
    expect(command).to.include(`-i '${file}'`).and.include('IdentitiesOnly=yes')
    expect((await stat(file)).mode & 0o777).to.equal(0o600)
    const { stdout } = await run('ssh-keygen', ['-y', '-f', file])
    expect(stdout.split(' ')[1]).to.equal(publicKey.split(' ')[1])
    for (const answer of [
      created,
      await server.api.get(`/ssh-keys/${created.json.data.id}`),
      await server.api.get(`/organizations/${organization.name}/ssh-keys`),
    ]) {
      expect(answer.text).not.to.include('value').and.not.to.include('PRIVATE KEY')
    }
  })

  it('a member sees the names of keys but makes and changes none', async () => {
    const organization = await makeOrganization(server)
    const { api } = await makeMember(server, organization)
    const path = `/organizations/${organization.name}/ssh-keys`
    const key = await server.api.post(path, document({ name: 'git', value: 'x' }))

    expect((await api.get(path)).json.data.map((k: { id: string }) => k.id)).to.deep.equal([key.json.data.id])
    expect((await api.post(path, document({ name: 'mine', value: 'x' }))).status).to.equal(403)
    expect((await api.delete(`/ssh-keys/${key.json.data.id}`)).status).to.equal(403)
  })

  it("another organization's key is not assigned", async () => {
    const [ours, theirs] = [await makeOrganization(server), await makeOrganization(server)]
    const key = await server.api.post(`/organizations/${theirs.name}/ssh-keys`, document({ name: 'git', value: 'x' }))
    const workspace = await makeWorkspace(server, ours)

    const answer = await server.api.patch(`/workspaces/${workspace.id}/relationships/ssh-key`, {
      data: { attributes: { id: key.json.data.id } },
    })

    expect(answer.status).to.equal(422)
  })

  it('a workspace whose key is deleted has none', async () => {
    const organization = await makeOrganization(server)
    const key = await server.api.post(
      `/organizations/${organization.name}/ssh-keys`,
      document({ name: 'git', value: 'x' }),
    )
    const workspace = await makeWorkspace(server, organization)
    await server.api.patch(`/workspaces/${workspace.id}/relationships/ssh-key`, {
      data: { attributes: { id: key.json.data.id } },
    })

    await server.api.delete(`/ssh-keys/${key.json.data.id}`)

    const { json } = await server.api.get(`/workspaces/${workspace.id}`)
    expect(json.data.relationships['ssh-key'].data).to.equal(null)
  })
})
