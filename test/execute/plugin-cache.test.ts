import { cp, lstat, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { hashPackage, linkPluginCache, parseLockFile, publishPlugins } from '../../worker/execute/plugin-cache.ts'
import { clients } from '../support/clients.ts'
import { makePlace, type Place, plan, planAndApply } from './phases.ts'

const config = {
  'main.tf': `
terraform {
  required_providers {
    null = {
      source = "hashicorp/null"
    }
  }
}
resource "null_resource" "a" {}
`,
}

describe('the provider cache of a runner', function () {
  this.timeout(60_000)
  let place: Place
  let mirror: string
  let packagePath: string
  before(async () => {
    ;({ mirror } = await clients())
    place = await makePlace({ providerMirror: mirror })
    const folder = join('registry.terraform.io', 'hashicorp', 'null')
    const [version] = await readdir(join(mirror, folder))
    const [platform] = await readdir(join(mirror, folder, version!))
    packagePath = join(folder, version!, platform!)
  })
  after(() => place.remove())

  it('a provider from the mirror is used as it lies there, and its lock is kept for the apply', async () => {
    const { planned, applied } = await planAndApply(place, config)

    expect(applied.result.outcome, applied.logText).to.equal('finished')
    const locked = parseLockFile(planned.artifacts.get('lock-file')!.toString())
    const lock = locked.get('registry.terraform.io/hashicorp/null')!
    expect(lock.hashes).to.include(await hashPackage(await realpath(join(mirror, packagePath))))
    expect(await readdir(place.config.pluginCacheDir)).to.be.empty
  })

  it('what an init downloaded serves the next phases, and only with a hash of the lock file', async () => {
    const own = join(place.folder, 'own')
    const shared = join(place.folder, 'shared')
    await mkdir(join(own, packagePath), { recursive: true })
    await cp(await realpath(join(mirror, packagePath)), join(own, packagePath), { recursive: true })
    const lock = (hash: string) =>
      `provider "registry.terraform.io/hashicorp/null" {\n  version = "${packagePath.split('/')[3]}"\n  hashes = [\n    "${hash}",\n  ]\n}\n`
    const good = lock(await hashPackage(join(own, packagePath)))

    expect(await publishPlugins(own, shared, '')).to.equal(0)
    expect(await publishPlugins(own, shared, lock('h1:AAAA='))).to.equal(0)
    const both = await Promise.all([publishPlugins(own, shared, good), publishPlugins(own, shared, good)])
    expect(Math.max(...both)).to.equal(1)

    const lockFile = join(place.folder, 'lock.hcl')
    const linked = async (name: string, text: string) => {
      await writeFile(lockFile, text)
      await linkPluginCache(shared, join(place.folder, name), lockFile)
      return lstat(join(place.folder, name, packagePath)).then(
        (found) => found.isSymbolicLink(),
        () => false,
      )
    }
    expect(await linked('none', '')).to.equal(true)
    expect(await linked('same', good)).to.equal(true)
    // Another package than the lock file wants: the engine must install its own, and not through a link.
    expect(await linked('other', lock('h1:AAAA='))).to.equal(false)
    expect((await readdir(shared)).filter((name) => name.startsWith('.'))).to.be.empty
  })

  it('an init takes a published provider from the cache without asking anybody', async () => {
    const shared = join(place.folder, 'shared')
    const cached = await makePlace({ pluginCacheDir: shared, providerMirror: mirror })
    const files = { ...config, '.terraform.lock.hcl': '' }

    const planned = await plan(cached, files)
    await cached.remove()

    expect(planned.result.outcome, planned.logText).to.equal('finished')
    expect(planned.logText).to.include('from the shared cache directory')
    expect(await readFile(join(shared, `${packagePath}.h1`), 'utf8')).to.match(/^h1:/)
  })
})
