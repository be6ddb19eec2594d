import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { execa } from 'execa'
import { sandboxFault } from '../../worker/execute/sandbox.ts'
import { eventually } from '../support/jobs.ts'
import { processesBelow } from '../support/processes.ts'
import { makePlace, type Place, planAndApply } from './phases.ts'

/** The canary is in no command line: what a process is called is no secret. */
const canary = 'canary-of-the-worker'

describe('the sandbox of an engine', function () {
  this.timeout(60_000)
  let place: Place
  before(async function () {
    const fault = await sandboxFault()
    if (fault === null) return
    console.log(`      no sandbox can be made here: ${fault}`)
    this.skip()
  })
  beforeEach(async () => {
    place = await makePlace({ sandbox: 'required' })
  })
  afterEach(() => place?.remove())

  /** Runs shell commands as a provisioner and returns the log of the apply. */
  async function provision(...commands: string[]): Promise<string> {
    const { planned, applied } = await planAndApply(place, {
      'main.tf': `resource "terraform_data" "a" {\n  provisioner "local-exec" {\n    command = ${JSON.stringify(commands.join('; ')).replaceAll('${', '$${')}\n  }\n}\n`,
    })
    expect(applied.result.outcome, planned.logText + applied.logText).to.equal('finished')
    return applied.logText
  }

  it("shows neither the worker's environment nor its processes, and lets nothing be sent to them", async () => {
    process.env.TOFUTF_SANDBOX_CANARY = canary
    try {
      const log = await provision(
        'cat /proc/*/environ | tr "\\\\0" "\\\\n" | grep CANARY || echo nothing-found',
        `test -e /proc/${process.pid}/status && grep -q node /proc/${process.pid}/status || echo no-worker`,
        'echo processes $(ls /proc | grep -c "^[0-9]*$")',
      )

      expect(log).to.include('nothing-found').and.include('no-worker').and.not.include(canary)
      expect(Number(/processes (\d+)/.exec(log)?.[1])).to.be.below(30)
    } finally {
      delete process.env.TOFUTF_SANDBOX_CANARY
    }
  })

  it('shows neither the data folder nor the folders of other runs, and its own is the only one to write to', async () => {
    const { dataDir, workDir, pluginCacheDir } = place.config
    const secrets = [join(dataDir, 'secret'), join(workDir, 'run-other', 'state')]
    for (const path of secrets) {
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, canary)
    }
    const log = await provision(
      ...secrets.map((path) => `cat ${path} || echo no-such-file`),
      'echo own > $HOME/own',
      ...['/etc', '/usr', pluginCacheDir].map((path) => `touch ${path}/tofutf-probe || echo not-written`),
    )

    expect(log).to.include('No such file').and.include('Read-only file system')
    expect(log).to.not.include(canary)
  })

  it('what a provisioner leaves in the background ends with it', async () => {
    await provision('sleep 300 >/dev/null 2>&1 &')

    await eventually(() => (processesBelow(place.folder).length === 0 ? true : undefined), 30_000)
  })
})

describe('a sandbox that cannot be made', () => {
  it('is refused by the setting that requires it, and said loudly by the one that does not', async () => {
    const sandbox = join(import.meta.dirname, '..', '..', 'worker', 'execute', 'sandbox.ts')
    const ask = (setting: string) =>
      execa(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import { announceSandbox } from ${JSON.stringify(sandbox)}
          const log = { info: console.log, warn: console.log }
          await announceSandbox({ sandbox: ${JSON.stringify(setting)} }, log).catch((error) => console.log(error.message))`,
        ],
        { env: { PATH: '/nowhere' }, extendEnv: false },
      )

    const [required, auto] = [await ask('required'), await ask('auto')]

    expect(required.stdout).to.match(
      /^TOFUTF_SANDBOX is required, and no sandbox can be made: bubblewrap .* not installed/,
    )
    expect(auto.stdout).to.match(/^ENGINES RUN WITHOUT A SANDBOX \(bubblewrap .* not installed\)/)
  })
})
