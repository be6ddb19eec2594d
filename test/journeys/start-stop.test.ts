import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { clients } from '../support/clients.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { freePort } from '../support/ports.ts'
import { processesBelow } from '../support/processes.ts'
import { type Api, apiClient, document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'

const root = join(import.meta.dirname, '..', '..')

const configuration = `
terraform {
  required_providers {
    null = { source = "hashicorp/null" }
  }
}
resource "terraform_data" "first" {}
resource "null_wait" "slow" {
  ms         = 60000
  depends_on = [terraform_data.first]
}
`

describe('npm start with its own Postgres', () => {
  let folder: string
  const started: ChildProcess[] = []
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tofutf-start-'))
    await chmod(folder, 0o711)
  })
  after(async () => {
    for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  async function start(port: number): Promise<{ child: ChildProcess; api: Api; output: () => string }> {
    const { terraform, mirror } = await clients()
    const child = spawn('npm', ['start', '--silent'], {
      cwd: root,
      env: {
        PATH: `${dirname(terraform)}:${process.env.PATH}`,
        HOME: folder,
        PORT: String(port),
        TOFUTF_DATA_DIR: join(folder, 'data'),
        TOFUTF_PROVIDER_MIRROR: mirror,
        TOFUTF_ENGINE_DOWNLOAD: 'false',
        TOFUTF_RATE_LIMIT: '0',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes))
    const until = Date.now() + 60_000
    while (!output.includes('Ctrl-C stops everything')) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`npm start did not get ready:\n${output}`)
      await sleep(100)
    }
    const token = (await readFile(join(folder, 'data', 'api-token'), 'utf8')).trim()
    return { child, api: apiClient(`http://127.0.0.1:${port}`, token), output: () => output }
  }

  it('SIGTERM during an apply stops everything, the state is kept, and the next start finds it', async function () {
    this.timeout(180_000)
    const port = await freePort()
    const first = await start(port)
    const workspace = expectStatus(
      await first.api.post('/organizations/my-organization/workspaces', document({ name: 'slow' })),
      201,
    ).json.data.id
    await uploadConfiguration(first.api, workspace, { 'main.tf': configuration })
    const run = await startRun(first.api, workspace, { 'auto-apply': true })
    await until(async () => (await first.api.get(`/workspaces/${workspace}/current-state-version`)).status === 200)

    first.child.kill('SIGTERM')
    const [code] = await once(first.child, 'exit')

    expect(code, first.output()).to.equal(0)
    expect(processesBelow(join(folder, 'data'))).to.deep.equal([])
    const second = await start(port)
    const { status } = (await second.api.get(`/runs/${run}`)).json.data.attributes
    const state = (await second.api.get(`/workspaces/${workspace}/resources`)).json.data
    second.child.kill('SIGINT')
    expect((await once(second.child, 'exit'))[0]).to.equal(0)
    expect(status).to.equal('canceled')
    expect(state.map((r: { attributes: { address: string } }) => r.attributes.address)).to.include(
      'terraform_data.first',
    )
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds().catch(() => false)); await sleep(100)) {
    if (Date.now() > end) throw new Error('it did not come about in time')
  }
}
