import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { execa } from 'execa'
import { lockFolder } from '../../server/launch/lock.ts'
import { envExample } from '../../server/print-env-example.ts'

const root = join(import.meta.dirname, '../..')

describe('npm start', () => {
  let dataDir: string
  let taken: Server | undefined

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tofutf-start-'))
  })
  afterEach(async () => {
    taken?.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  const start = (env: Record<string, string>) =>
    execa(process.execPath, ['server/launch/start.ts'], {
      cwd: root,
      env: { DATABASE_URL: '', TOFUTF_DATA_DIR: dataDir, PORT: '0', ...env },
      reject: false,
      timeout: 15_000,
    })

  const cases: { title: string; env: Record<string, string>; sentence: RegExp }[] = [
    {
      title: 'a data folder that cannot be written',
      env: { TOFUTF_DATA_DIR: '/dev/null/x' },
      sentence: /^The data folder \/dev\/null\/x cannot be written .*Set TOFUTF_DATA_DIR/,
    },
    {
      title: 'a Postgres that cannot be reached, without showing its password',
      env: { DATABASE_URL: 'postgres://u:hush-hush@127.0.0.1:1/x' },
      sentence: /^PostgreSQL at 127\.0\.0\.1:1\/x \(DATABASE_URL\) cannot be used: nothing listens there\.$/,
    },
    {
      title: 'a setting with a value that cannot be used',
      env: { PORT: 'many' },
      sentence: /^A setting cannot be used: PORT: .*number/,
    },
    {
      title: 'a certificate file that is not named',
      env: { TOFUTF_TLS: 'files' },
      sentence: /^TOFUTF_TLS=files needs TOFUTF_TLS_CERT/,
    },
  ]
  for (const { title, env, sentence } of cases) {
    it(`ends with one sentence for ${title}`, async () => {
      const ended = await start(env)

      expect(ended.stderr).to.match(sentence)
      expect(ended.stderr.split('\n')).to.have.length(1)
      expect(ended.exitCode).to.equal(1)
    })
  }

  it('ends with one sentence for a port in use', async () => {
    const server = createServer()
    taken = server
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }

    const ended = await start({ PORT: String(port) })

    expect(ended.stderr).to.equal(
      `Port ${port} on 127.0.0.1 is in use already. Stop what listens there, or set PORT to another one.`,
    )
    expect(ended.exitCode).to.equal(1)
  })

  it('ends with one sentence when another launcher runs on the folder', async () => {
    const lock = lockFolder(dataDir)

    const ended = await start({})

    expect(ended.stderr).to.match(new RegExp(`^TofuTF is already running on ${dataDir} \\(process ${process.pid}\\)`))
    expect(ended.exitCode).to.equal(1)
    lock.release()
  })

  it('takes over the lock of a launcher that is dead', async () => {
    await writeFile(join(dataDir, 'launcher.lock'), '999999999 1')

    const lock = lockFolder(dataDir)

    expect(await readFile(join(dataDir, 'launcher.lock'), 'utf8')).to.match(new RegExp(`^${process.pid} `))
    lock.release()
  })
})

describe('.env.example', () => {
  it('is what shared/config.ts says', async () => {
    expect(await readFile(join(root, '.env.example'), 'utf8')).to.equal(envExample())
  })
})
