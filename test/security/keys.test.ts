import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { openPool, type Pool } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { WrongSecret } from '../../shared/data-keys.ts'
import { openSecrets } from '../../shared/secrets.ts'
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts'

const secret = () => randomBytes(24).toString('hex')

describe('keys', () => {
  let database: FreshDatabase
  let pool: Pool
  beforeEach(async () => {
    database = await freshDatabase()
    pool = await openPool(database.url, { maxConnections: 4 })
  })
  afterEach(async () => {
    await pool.end()
    await database.drop()
  })

  it('what was sealed opens after a restart with the same secret, and only in its own place', async () => {
    const root = secret()
    const sealed = (await openSecrets(pool, root)).seal('value', 'variables:var-1')

    const later = await openSecrets(pool, root)

    expect(later.open(sealed, 'variables:var-1').toString()).to.equal('value')
    expect(() => later.open(sealed, 'variables:var-2')).to.throw(/fail their check/)
    sealed[sealed.length - 1]! ^= 1
    expect(() => later.open(sealed, 'variables:var-1')).to.throw(/fail their check/)
  })

  it('processes that start at the same moment on an empty database agree on one key', async () => {
    const root = secret()

    const all = await Promise.all(Array.from({ length: 4 }, () => openSecrets(pool, root)))

    expect(new Set(all.map((s) => s.currentKeyId)).size).to.equal(1)
  })

  it('another secret is refused at the start with a sentence, unless the former one is named', async () => {
    const [former, next] = [secret(), secret()]
    const sealed = (await openSecrets(pool, former)).seal('value', 'x')

    const refused = await openSecrets(pool, next).then(
      () => null,
      (error: Error) => error,
    )
    const both = await openSecrets(pool, next, [former])

    expect(refused).to.be.instanceOf(WrongSecret)
    expect(refused!.message)
      .to.match(/TOFUTF_SECRET_PREVIOUS/)
      .and.not.include(former)
    expect(both.open(sealed, 'x').toString()).to.equal('value')
  })

  it('no data key and no root is in the database in clear', async () => {
    const root = secret()
    await openSecrets(pool, root)

    const { rows } = await pool.query(
      sql.void`select encode(wrapped, 'escape') || root_key_id || id as text from data_keys`,
    )

    expect(JSON.stringify(rows)).to.not.include(root)
  })
})
