import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createMessage, generateKey, sign } from 'openpgp'
import { expectedSum, extractBinary, verifySums } from '../../worker/execute/engine-download.ts'
import { EngineMissing, findEngine, listEngines } from '../../worker/execute/engines.ts'
import { makePlace, type Place, plan } from './phases.ts'

describe('finding an engine', () => {
  let place: Place
  before(async () => {
    place = await makePlace()
    const folder = join(place.config.engineDir, 'tofu', '1.2.3')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'tofu'), '#!/bin/sh\n')
    await chmod(join(folder, 'tofu'), 0o755)
  })
  after(() => place.remove())

  it('PATH comes first, then the engine folder', async () => {
    const onPath = await findEngine(place.config, 'terraform', '1.11.4')
    const inFolder = await findEngine(place.config, 'tofu', '1.2.3')

    expect(onPath.path.startsWith(place.folder)).to.equal(false)
    expect(inFolder.path).to.equal(join(place.config.engineDir, 'tofu', '1.2.3', 'tofu'))
    expect((await listEngines(place.config)).map(({ name, version }) => `${name} ${version}`)).to.include.members([
      'terraform 1.11.4',
      'tofu 1.2.3',
    ])
  })

  it('a missing version and a version that is a path are errors that say what to do', async () => {
    const attempt = (version: string) => findEngine(place.config, 'tofu', version).catch((error: unknown) => error)

    const missing = (await attempt('1.9.9')) as Error
    expect(missing).to.be.instanceOf(EngineMissing)
    expect(missing.message).to.include('OpenTofu 1.9.9').and.include('TOFUTF_ENGINE_DIR').and.include('tofu 1.2.3')
    expect(await attempt('../../etc')).to.be.instanceOf(EngineMissing)
  })
})

describe('the proof of a downloaded engine', () => {
  const sums = Buffer.from(`${'a'.repeat(64)}  tofu_1.2.3_linux_amd64.zip\n${'b'.repeat(64)}  other.zip\n`)

  it('a checksum file is accepted with the signature of the given key only', async () => {
    const [ours, theirs] = await Promise.all(
      ['ours', 'theirs'].map((name) => generateKey({ userIDs: [{ name }], format: 'object' })),
    )
    const signature = Buffer.from(
      await sign({
        message: await createMessage({ binary: new Uint8Array(sums) }),
        signingKeys: ours!.privateKey,
        detached: true,
        format: 'binary',
      }),
    )
    const check = (content: Buffer, key: string) =>
      verifySums(content, signature, key).then(
        () => 'accepted',
        () => 'refused',
      )

    expect(await check(sums, ours!.publicKey.armor())).to.equal('accepted')
    expect(await check(sums, theirs!.publicKey.armor())).to.equal('refused')
    expect(await check(Buffer.from(sums.toString().replace('a', 'c')), ours!.publicKey.armor())).to.equal('refused')
  })

  it('the checksum is the one of the named file', () => {
    expect(expectedSum(sums.toString(), 'other.zip')).to.equal('b'.repeat(64))
    expect(() => expectedSum(sums.toString(), 'tofu_1.2.4_linux_amd64.zip')).to.throw('has no')
  })

  it('one binary is taken out of a zip, executable', async () => {
    const place = await makePlace()
    // A plan file is a zip that has an entry `tfplan`.
    const planned = await plan(place, { 'main.tf': 'output "x" {\n  value = 1\n}\n' })
    const zip = join(place.folder, 'a.zip')
    await writeFile(zip, planned.artifacts.get('plan-file')!)

    await extractBinary(zip, 'tfplan', join(place.folder, 'out'))

    expect((await stat(join(place.folder, 'out'))).mode & 0o777).to.equal(0o755)
    expect(await extractBinary(zip, 'none', join(place.folder, 'no')).catch((e: Error) => e.message)).to.include(
      'has no',
    )
    await place.remove()
  })

  it("the publishers' keys are the known ones", async () => {
    const { readKey } = await import('openpgp')
    const fingerprint = async (name: string) => {
      const armoredKey = await readFile(new URL(`../../worker/execute/keys/${name}.asc`, import.meta.url), 'utf8')
      return (await readKey({ armoredKey })).getFingerprint().toUpperCase()
    }

    expect(await fingerprint('hashicorp')).to.equal('C874011F0AB405110D02105534365D9472D7468F')
    expect(await fingerprint('opentofu')).to.equal('E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80')
  })
})
