import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type Child, type ChildSpec, keepRunning } from '../../server/launch/children.ts'

const parent = JSON.stringify(join(import.meta.dirname, '../../shared/parent.ts'))
const childrenModule = JSON.stringify(join(import.meta.dirname, '../../server/launch/children.ts'))

describe('processes of the launcher', () => {
  let folder: string
  let said: string[]
  let child: Child | undefined

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tofutf-children-'))
    said = []
  })
  afterEach(async () => {
    child?.killNow()
    await rm(folder, { recursive: true, force: true })
  })

  const run = async (script: string, more: Partial<ChildSpec> = {}) => {
    await writeFile(join(folder, 'child.mjs'), script)
    child = keepRunning({
      name: 'sample',
      args: [join(folder, 'child.mjs')],
      cwd: folder,
      env: { ...process.env },
      output: 'inherit',
      graceMs: 300,
      backOffMs: 10,
      say: (line) => said.push(line),
      onGiveUp: (line) => said.push(line),
      ...more,
    })
    return child
  }

  it('are started again when they die', async () => {
    const sample = await run('setInterval(() => {}, 1000)')
    const first = sample.pid

    process.kill(first!, 'SIGKILL')

    expect(await sample.firstEnd).to.equal('The sample process ended with signal SIGKILL.')
    await until(() => sample.pid !== undefined)
    expect(sample.pid).to.not.equal(first)
  })

  it('are given up with a sentence after five quick deaths', async function () {
    this.timeout(40_000)
    const gaveUp = Promise.withResolvers<string>()

    await run('process.exit(7)', { onGiveUp: gaveUp.resolve })

    expect(await gaveUp.promise).to.match(/^The sample process ended 5 times within seconds, at last with code 7/)
    expect(said).to.have.length(4)
  })

  it('are killed when they outlast the grace', async () => {
    const sample = await run(`process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send?.('up')`)
    const { pid } = sample
    await sleep(500)

    await sample.stop()

    expect(isAlive(pid!)).to.equal(false)
  })

  it('stop by themselves when the launcher is killed with kill -9', async () => {
    await writeFile(
      join(folder, 'child.ts'),
      `import { writeFileSync } from 'node:fs'
       const { stopWhenParentGoes } = await import(${parent})
       stopWhenParentGoes(() => { writeFileSync('stopped', ''); process.exit(0) })
       setInterval(() => {}, 1000)
       writeFileSync('pid', String(process.pid))`,
    )
    await writeFile(
      join(folder, 'launcher.ts'),
      `const { keepRunning } = await import(${childrenModule})
       keepRunning({ name: 'x', args: ['child.ts'], cwd: '.', env: process.env, output: 'inherit', graceMs: 1000, say() {}, onGiveUp() {} })`,
    )
    const launcher = spawn(process.execPath, ['launcher.ts'], { cwd: folder, stdio: 'inherit' })
    await until(() => readFile(join(folder, 'pid'), 'utf8').then(Boolean, () => false))
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'))

    launcher.kill('SIGKILL')
    await once(launcher, 'exit')

    await until(() => !isAlive(pid))
    expect(await readFile(join(folder, 'stopped'), 'utf8')).to.equal('')
  })
})

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error('did not happen within 10 seconds')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
