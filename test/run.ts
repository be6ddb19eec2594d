import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { startCluster } from './support/postgres.ts'

/**
 * `npm test [-- mocha arguments]`: one Postgres for the whole run, clients and a browser at hand, then mocha.
 * Ends with a line `N passed, N failed, N skipped`.
 */
const root = join(import.meta.dirname, '..')
const folder = await mkdtemp(join(tmpdir(), 'tofutf-test-run-'))
const counts = join(folder, 'counts.json')
const cluster = await startCluster()
try {
  await buildClients()
  const chromium = await findChromium()
  process.exitCode = await runMocha({
    TEST_DATABASE_URL: cluster.url,
    TEST_COUNTS: counts,
    ...(chromium ? { TEST_CHROMIUM: chromium } : {}),
  })
} finally {
  await cluster.stop()
}
await printCounts()
await rm(folder, { recursive: true, force: true })

/** The real terraform and tofu that journeys run; building takes minutes once, a moment later. */
async function buildClients(): Promise<void> {
  const file = join(root, 'test', 'support', 'clients.ts')
  if (!existsSync(file)) return
  const { clients } = (await import(file)) as { clients: () => Promise<unknown> }
  await clients()
}

async function findChromium(): Promise<string | undefined> {
  const found = await whichChromium()
  if (found || process.platform !== 'linux' || process.getuid?.() !== 0) return found
  console.log('installing chromium for the browser tests')
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' }, stdin: 'ignore', reject: false } as const
  await execa('apt-get', ['update', '-qq'], options)
  const installed = await execa('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], options)
  if (installed.exitCode !== 0) console.log(`chromium could not be installed: ${installed.stderr.split('\n').at(-1)}`)
  return whichChromium()
}

async function whichChromium(): Promise<string | undefined> {
  if (process.env.TEST_CHROMIUM) return process.env.TEST_CHROMIUM
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    const { exitCode, stdout } = await execa('which', [name], { reject: false })
    if (exitCode === 0) return stdout.trim()
  }
  return undefined
}

/** Runs mocha with our arguments and hands signals on, so that Ctrl-C still stops Postgres afterwards. */
function runMocha(env: Record<string, string>): Promise<number> {
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js')
  const reporter = join(root, 'test', 'support', 'counting-reporter.ts')
  const given = process.argv.slice(2)
  const specs = given.some((arg) => arg.endsWith('.ts')) ? [] : ['test/**/*.test.ts']
  const args = [mocha, '--exit', '--reporter', reporter, ...given, ...specs]
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

async function printCounts(): Promise<void> {
  const text = await readFile(counts, 'utf8').catch(() => undefined)
  // no counts: mocha ended before its tests did
  const { passed, failed, skipped } = text ? JSON.parse(text) : { passed: 0, failed: 1, skipped: 0 }
  if (failed > 0) process.exitCode ||= 1
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
}
