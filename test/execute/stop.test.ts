import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { spawner } from '../../worker/execute/spawner.ts'
import { clients } from '../support/clients.ts'
import { archiveOf, MemoryPhase } from './fake-handle.ts'
import { applyOf, lastState, makePlace, type Place, plan, run, workOf } from './phases.ts'

const slow = {
  'main.tf': `
resource "terraform_data" "a" {}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a]
  provisioner "local-exec" {
    command = "echo now-running; sleep 30"
  }
}`,
}

const slowPlan = {
  'main.tf': `
data "external" "never" {
  program = ["true"]
}`,
}

/** Calls `then` once, when the text has appeared in the log. */
function when(phase: MemoryPhase, text: string, act: () => void): void {
  let seen = ''
  phase.onLog = (chunk) => {
    seen += chunk
    if (!seen.includes(text)) return
    phase.onLog = () => {}
    act()
  }
}

describe('stopping a phase', function () {
  this.timeout(60_000)
  let place: Place
  before(async () => {
    place = await makePlace({ runner: { cancelGraceMs: 1500 } })
  })
  after(() => place.remove())

  it('a cancel before the plan starts ends canceled and runs nothing', async () => {
    const phase = new MemoryPhase(workOf(), await archiveOf(slowPlan))
    phase.stop('cancel')
    await run(place, phase)

    expect(phase.result).to.deep.equal({ outcome: 'canceled' })
    expect(phase.logText).to.not.include('Initializing the backend')
  })

  it('a cancel while the configuration is fetched ends the phase', async () => {
    const phase = new MemoryPhase(workOf(), await archiveOf(slow))
    const { Readable } = await import('node:stream')
    phase.configuration = async () => new Readable({ read() {} })
    setTimeout(() => phase.stop('cancel'), 50)
    await run(place, phase)

    expect(phase.result.outcome).to.equal('canceled')
  })

  it('a cancel during an apply lets the engine write its state, uploads it and ends canceled', async () => {
    const applied = applyOf(await plan(place, slow))
    when(applied, 'now-running', () => applied.stop('cancel'))
    await run(place, applied)

    expect(applied.result).to.deep.include({ outcome: 'canceled' })
    const names = lastState(applied).resources.map((resource: { name: string }) => resource.name)
    expect(names).to.have.members(['a', 'b'])
    expect(applied.uploads.at(-1)!.intermediate).to.equal(false)
    expect(applied.logText).to.include('Interrupt received')
  })

  it('a forced cancel kills the engine, and what it had written is still uploaded', async () => {
    const applied = applyOf(
      await plan(place, {
        // The provisioner does not end on INT, so the engine waits for it.
        'main.tf': slow['main.tf'].replace('echo now', "trap '' INT TERM; echo now"),
      }),
    )
    when(applied, 'now-running', () => {
      applied.stop('cancel')
      setTimeout(() => applied.stop('force'), 300)
    })
    await run(place, applied)

    expect(applied.result.outcome).to.equal('canceled')
    expect(lastState(applied).resources[0].name).to.equal('a')
  })

  it('the loss of the process that guards the engine ends the apply with its state', async () => {
    const applied = applyOf(await plan(place, slow))
    when(applied, 'now-running', () => spawner.prepare().kill('SIGKILL'))
    await run(place, applied)

    expect(applied.result.outcome).to.equal('errored')
    const names = lastState(applied).resources.map((resource: { name: string }) => resource.name)
    expect(names).to.have.members(['a', 'b'])
  })

  it('an apply uploads intermediate states while it works', async () => {
    const applied = applyOf(await plan(place, { 'main.tf': slow['main.tf'].replace('sleep 30', 'sleep 4') }))
    await run(place, applied)

    expect(applied.uploads.map(({ intermediate }) => intermediate)).to.deep.equal([true, false])
    expect(applied.uploads[1]!.serial).to.be.greaterThan(applied.uploads[0]!.serial)
    expect(applied.uploads[1]!.atMs - applied.uploads[0]!.atMs).to.be.greaterThan(2500)
  })

  it('a lost claim interrupts the engine, reports nothing and keeps the folder of an apply', async () => {
    const applied = applyOf(await plan(place, slow))
    when(applied, 'now-running', () => applied.stop('lost'))
    await run(place, applied)

    expect(applied.results).to.be.empty
    const folder = join(place.config.workDir, applied.work.runId)
    const marker = JSON.parse(await readFile(join(folder, 'recover.json'), 'utf8'))
    expect(marker).to.include({ runId: applied.work.runId, phase: 'apply' })
    const state = JSON.parse(await readFile(join(folder, marker.stateFile), 'utf8'))
    expect(state.resources.map((resource: { name: string }) => resource.name)).to.have.members(['a', 'b'])
  })

  it('a write refused because the claim is lost ends the phase like a lost claim', async () => {
    const phase = new MemoryPhase(workOf(), await archiveOf(slow))
    when(phase, 'Initializing', () => {
      phase.claimLost = true
    })
    await run(place, phase)

    expect(phase.results).to.be.empty
    expect(await readdir(place.config.workDir)).to.not.include(phase.work.runId)
  })

  for (const engine of ['terraform', 'tofu'] as const) {
    it(`the ${engine} of a killed worker stops by itself and leaves its whole state`, async () => {
      // Several times: a second interrupt would lose the state, and whether one comes is a matter of luck.
      for (let round = 0; round < 4; round++) await killAndInspect(engine)
    })
  }
})

async function killAndInspect(engine: 'terraform' | 'tofu'): Promise<void> {
  const { versions, [engine]: binary } = await clients()
  const own = await makePlace()
  const worker = spawnWorker(own.folder, engine, versions[engine], binary)
  await worker.printed('now-running')

  worker.child.kill('SIGKILL')

  const [runId] = await readdir(own.config.workDir)
  const state = join(own.config.workDir, runId!, 'state', 'workspaces', 'network', 'terraform.tfstate')
  const lock = join(state, '..', '.terraform.tfstate.lock.info')
  const deadline = Date.now() + 15_000
  let left: { names: string[]; isLocked: boolean }
  do {
    await sleep(100)
    left = { names: await resourcesOf(state), isLocked: existsSync(lock) }
  } while ((left.names.length < 2 || left.isLocked) && Date.now() < deadline)
  expect(left).to.deep.equal({ names: ['a', 'b'], isLocked: false })
  await own.remove()
}

/** Names in a state that may be half written just now. */
async function resourcesOf(path: string): Promise<string[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8')).resources.map(({ name }: { name: string }) => name)
  } catch {
    return []
  }
}

/** A process of its own that plans and applies `slow`. */
function spawnWorker(folder: string, name: string, version: string, binary: string) {
  const child: ChildProcess = spawn(
    process.execPath,
    [new URL('./killable-worker.ts', import.meta.url).pathname, folder, name, version, JSON.stringify(slow)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PATH: `${binary.slice(0, binary.lastIndexOf('/'))}:${process.env.PATH}` },
    },
  )
  let seen = ''
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', (chunk) => {
        seen += chunk
        if (seen.includes(text)) resolve()
      })
      child.once('exit', (code) => reject(new Error(`the worker ended early (${code}): ${seen}`)))
    })
  return { child, printed }
}
