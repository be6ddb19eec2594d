import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { execa } from 'execa'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { type App, openApp } from '../../shared/app.ts'
import { addDataKey, rootsOf } from '../../shared/data-keys.ts'
import { currentSigningKey } from '../../shared/identity/keys.ts'
import { type RotationOptions, rotateKeys } from '../../shared/key-rotation.ts'
import { sealedColumns, unsealedColumns } from '../../shared/sealed-columns.ts'
import { eventually } from '../support/jobs.ts'
import { makeOrganization } from '../support/people.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'
import { makeWorld } from './world.ts'

const text = (size: number) => randomBytes(size).toString('hex').slice(0, size)

describe('SEC-28: rotation of keys', function () {
  this.timeout(120_000)
  let server: TestServer
  const opened: App[] = []
  beforeEach(async () => {
    server = await startServer()
  })
  afterEach(async () => {
    for (const app of opened.splice(0)) await app.close()
    await server?.stop()
  })

  const options = (more: Partial<RotationOptions> = {}): RotationOptions => ({
    secret: server.app.config.secret!,
    previous: [],
    newKey: false,
    switchMs: 0,
    say: () => {},
    ...more,
  })
  /** Another process of the server. */
  const another = async (config: Partial<App['config']> = {}): Promise<App> => {
    const app = await openApp({ ...server.app.config, ...config }, 'test', { listen: false, supervise: false })
    opened.push(app)
    return app
  }
  const command = (args: string[], env: Record<string, string> = {}) =>
    execa(process.execPath, ['server/rotate-keys.ts', ...args], {
      env: {
        PATH: process.env.PATH ?? '',
        DATABASE_URL: server.app.config.databaseUrl!,
        TOFUTF_SECRET: server.app.config.secret!,
        ...env,
      },
      extendEnv: false,
      reject: false,
    })

  const makeVariable = async (workspaceId: string, value: string): Promise<string> => {
    const made = await server.api.post(
      `/workspaces/${workspaceId}/vars`,
      document({ key: `k${text(8)}`, value, category: 'terraform' }),
    )
    expect(made.status, made.text).to.equal(201)
    return made.json.data.id
  }
  const makeWorkspaceId = async () => {
    const { name } = await makeOrganization(server)
    const made = await server.api.post(`/organizations/${name}/workspaces`, document({ name: 'w' }))
    return made.json.data.id as string
  }
  const readVariable = async (workspaceId: string, id: string) =>
    (await server.api.get(`/workspaces/${workspaceId}/vars/${id}`)).json.data.attributes.value
  const put = async (app: App, bytes: Buffer) =>
    (await app.blobs.put(Readable.from([bytes]), { maxBytes: 2 ** 30, tooLarge: '' })).id
  const Id = z.object({ id: z.string() })
  const KeyCount = z.object({ key_id: z.string(), count: z.number() })

  /** How many values each data key has sealed, of every kind. */
  async function keysInUse(): Promise<Map<string, number>> {
    const all = new Map<string, number>()
    for (const { table, column } of sealedColumns) {
      const value = sql.identifier([column])
      const rows = await server.app.db.any(sql.type(KeyCount)`
        select encode(substring(${value} from 1 for 8), 'escape') as key_id, count(*)::int as count
        from ${sql.identifier([table])}
        where ${value} is not null
        group by 1`)
      for (const { key_id, count } of rows) all.set(key_id, (all.get(key_id) ?? 0) + count)
    }
    return all
  }
  const keyIds = async () => (await server.app.db.any(sql.type(Id)`select id from data_keys`)).map(({ id }) => id)

  it('every binary column is either known as sealed or named with the reason why it is not', async () => {
    const Column = z.object({ table_name: z.string(), column_name: z.string() })
    const binary = await server.app.db.any(sql.type(Column)`
      select table_name::text, column_name::text
      from information_schema.columns
      where table_schema = 'public' and data_type = 'bytea'`)

    const known = [...sealedColumns.map(({ table, column }) => `${table}.${column}`), ...Object.keys(unsealedColumns)]
    expect(binary.map((c) => `${c.table_name}.${c.column_name}`)).to.have.members(known)
  })

  it('old and new data read at each step: a second key, its turn, the sealing anew, the first key gone', async () => {
    const one = server.app.secrets.currentKeyId
    const workspaceId = await makeWorkspaceId()
    const old = await makeVariable(workspaceId, 'old')
    const oldFile = Buffer.from(text(2_500_000))
    const oldBlob = await put(server.app, oldFile)
    await makeWorld(server)
    for (const { id } of await server.app.db.any(sql.type(Id)`select id from policy_set_parameters`)) {
      const value = server.app.secrets.seal('parameter', `policy_set_parameters.value:${id}`)
      await server.app.db.query(
        sql.void`update policy_set_parameters set value = ${sql.binary(value)} where id = ${id}`,
      )
    }
    await putState(server.api, workspaceId, { outputs: { o: { value: 'x', type: 'string' } } })
    await currentSigningKey(server.app)
    const other = await another()

    const two = await addDataKey(server.app.db, rootsOf(server.app.config.secret!, []), 0)
    await eventually(() => (server.app.secrets.currentKeyId === two || undefined) && true, 30_000)
    await other.secrets.refresh()
    const fresh = await makeVariable(workspaceId, 'new')
    const newBlob = await put(other, oldFile)
    const during = await keysInUse()

    expect([await readVariable(workspaceId, old), await readVariable(workspaceId, fresh)]).to.deep.equal(['old', 'new'])
    expect(await buffer(await other.blobs.read(oldBlob))).to.deep.equal(oldFile)
    expect(await buffer(await server.app.blobs.read(newBlob))).to.deep.equal(oldFile)
    expect([...during.keys()]).to.have.members([one, two])

    const done = await rotateKeys(server.app.db, options())
    const again = await rotateKeys(server.app.db, options())

    expect(done).to.deep.include({ resealed: during.get(one), removedKeys: [one], damaged: [] })
    expect(again).to.deep.equal({ rewrapped: 0, resealed: 0, removedKeys: [], keptKeys: [], damaged: [] })
    expect([...(await keysInUse()).keys()]).to.deep.equal([two])
    expect(await keyIds()).to.deep.equal([two])
    const later = await another()
    expect(await buffer(await later.blobs.read(oldBlob))).to.deep.equal(oldFile)
    expect([await readVariable(workspaceId, old), await readVariable(workspaceId, fresh)]).to.deep.equal(['old', 'new'])
    await currentSigningKey(later)
  })

  it('a rotation that was killed is finished by the next one, beside processes that write on', async () => {
    const workspaceId = await makeWorkspaceId()
    const one = server.app.secrets.currentKeyId
    const expected = new Map<string, string>()
    for (let i = 0; i < 100; i++) {
      const value = text(20)
      expected.set(await makeVariable(workspaceId, value), value)
    }
    const blob = await put(server.app, Buffer.from(text(1000)))

    const first = command(['--new-key', '--wait-seconds', '1'])
    await eventually(async () => ((await keyIds()).length === 2 ? true : undefined), 60_000)
    first.kill('SIGKILL')
    await first
    let isWriting = true
    const writing = (async () => {
      while (isWriting) {
        const value = text(20)
        expected.set(await makeVariable(workspaceId, value), value)
      }
    })()
    const second = await command(['--wait-seconds', '1'])
    isWriting = false
    await writing

    expect(second.exitCode, `${second.stdout}\n${second.stderr}`).to.equal(0)
    expect(await keyIds())
      .to.have.length(1)
      .and.not.include(one)
    const { json } = await server.api.get(`/workspaces/${workspaceId}/vars`)
    for (const { id, attributes } of json.data) expect(attributes.value).to.equal(expected.get(id))
    expect(json.data.length).to.equal(expected.size)
    expect((await buffer(await server.app.blobs.read(blob))).length).to.equal(1000)
  })

  it('what does not open stays with its key, is named, and keeps nothing else from being sealed anew', async () => {
    const workspaceId = await makeWorkspaceId()
    const [broken, whole] = [await makeVariable(workspaceId, 'a'), await makeVariable(workspaceId, 'b')]
    const one = server.app.secrets.currentKeyId
    await server.app.db.query(sql.void`
      update variables
      set value = set_byte(value, length(value) - 1, get_byte(value, length(value) - 1) # 1)
      where id = ${broken}`)

    const done = await rotateKeys(server.app.db, options({ newKey: true }))

    expect(done.damaged).to.deep.equal([`variables.value:${broken}`])
    expect(done).to.deep.include({ removedKeys: [], keptKeys: [one] })
    await server.app.secrets.refresh()
    expect(await readVariable(workspaceId, whole)).to.equal('b')
  })

  it('a new TOFUTF_SECRET takes over: with the former one named, then without it', async () => {
    const former = server.app.config.secret!
    const next = text(40)
    const sealed = server.app.secrets.seal('value', 'x')
    const signed = server.app.secrets.sign('address', 'download')

    const both = await another({ secret: next, previousSecrets: [former] })
    const moved = await command([], { TOFUTF_SECRET: next, TOFUTF_SECRET_PREVIOUS: former })
    const alone = await another({ secret: next })

    expect(both.secrets.verify('address', 'download', signed)).to.equal(true)
    expect(moved.stdout).to.include('1 data keys were put under the current TOFUTF_SECRET')
    expect(alone.secrets.open(sealed, 'x').toString()).to.equal('value')
    expect(alone.secrets.verify('address', 'download', signed)).to.equal(false)
  })

  it('a wrong secret, a missing one and lost keys are said in a sentence by every process at its start', async () => {
    const start = async (script: string, env: Record<string, string>) => {
      const { exitCode, stdout, stderr } = await execa(process.execPath, script.split(' '), {
        env: { PATH: process.env.PATH ?? '', DATABASE_URL: server.app.config.databaseUrl!, PORT: '0', ...env },
        extendEnv: false,
        reject: false,
      })
      return { exitCode, said: stdout + stderr }
    }
    const scripts = ['server/main.ts', 'worker/main.ts jobs', 'server/rotate-keys.ts']
    const wrong = { TOFUTF_SECRET: text(40) }

    for (const script of scripts) {
      const other = await start(script, wrong)
      expect(other.exitCode, script).to.equal(1)
      expect(other.said, script)
        .to.include('TOFUTF_SECRET is not the one this database was written with')
        .and.not.include(wrong.TOFUTF_SECRET)
        .and.not.match(/^\s+at /m)
    }
    const missing = await start('server/main.ts', {})
    expect(missing.exitCode).to.equal(1)
    expect(missing.said).to.include('TOFUTF_SECRET is not set')
    await makeVariable(await makeWorkspaceId(), 'v')
    await server.app.db.query(
      sql.void`update data_keys set wrapped = set_byte(wrapped, 30, 255 - get_byte(wrapped, 30))`,
    )
    const changed = await start('server/main.ts', { TOFUTF_SECRET: server.app.config.secret! })
    await server.app.db.query(sql.void`delete from data_keys`)
    const lost = await start('server/main.ts', { TOFUTF_SECRET: server.app.config.secret! })
    expect([changed.exitCode, lost.exitCode]).to.deep.equal([1, 1])
    expect(changed.said).to.match(/data key .* was changed/)
    expect(lost.said).to.include('The table data_keys is empty')
  })

  it('two rotations do not run at once', async () => {
    const slow = rotateKeys(server.app.db, options({ newKey: true, switchMs: 2000 }))
    await eventually(async () => ((await keyIds()).length === 2 ? true : undefined))

    const { exitCode, stderr } = await command([])
    await slow

    expect(exitCode).to.equal(1)
    expect(stderr).to.equal('Another rotation of keys is under way.')
  })
})
