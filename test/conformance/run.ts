/**
 * `npm run test:conformance [-- arguments of the suite]`: the official Go client's own integration tests against a
 * freshly started server. The suite lies beside the checkout; without it there is nothing to run.
 * Without arguments that choose tests it runs all of them, and fails when one that passes in results.tsv does not.
 * With --ci it ends with `conformance: N passed, N failed, N skipped`, where only such losses are failures, and says
 * why when there is nothing to run it with.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ensureBuilt } from '../clients/build.ts'
import { startCluster } from '../support/postgres.ts'
import { startStack } from '../support/stack.ts'
import { byChance, notRun } from './exceptions.ts'
import { addSkipped, countOf, lostTests, mergeInto } from './results.ts'
import { prepareSite } from './site.ts'

const root = join(import.meta.dirname, '..', '..')
const suite = process.env.GO_TFE_SUITE ?? join(root, '..', 'shared', 'conformance', 'go-tfe', 'run')
const isCi = process.argv.includes('--ci')
const args = process.argv.slice(2).filter((arg) => arg !== '--ci')

/** The suite could not be built or started. */
class NotRunnable extends Error {}

interface How {
  /** what an installation with a Git host has; the tests that only look whether it is there ask no host */
  hasGitHost?: boolean
}

/** One run of the suite against a server of its own. @throws NotRunnable @returns its exit code */
async function runSuite(options: string[], { hasGitHost }: How = {}): Promise<number> {
  const stack = await startStack({
    // the cooling-off of a real server: the suite reads it some seconds after the cancel
    env: { TOFUTF_OUTBOUND_ALLOW: '127.0.0.1', TOFUTF_FORCE_CANCEL_COOLOFF: '10', PATH: await pathWithOpa() },
  })
  try {
    const { noCodeModuleId } = await prepareSite(stack)
    const child = spawn(suite, options, {
      stdio: 'inherit',
      env: {
        ...(hasGitHost && {
          OAUTH_CLIENT_GITHUB_TOKEN: 'placeholder',
          GITHUB_REGISTRY_NO_CODE_MODULE_IDENTIFIER: noCodeModuleId,
        }),
        ...process.env,
        TFE_ADDRESS: stack.server.url,
        TFE_TOKEN: stack.siteToken,
        SSL_CERT_FILE: stack.server.caFile,
      },
    })
    const code = await new Promise<number>((done, fail) => {
      child.once('error', fail)
      child.once('exit', (exit) => done(exit ?? 2))
    })
    if (code > 1) throw new NotRunnable('the suite could not be built (see above)')
    return code
  } finally {
    await stack.stop()
  }
}

let folder = ''

async function pathWithOpa(): Promise<string> {
  const bin = join(folder, 'bin')
  if (!existsSync(bin)) {
    await mkdir(bin)
    await symlink(join(await ensureBuilt('opa'), 'opa'), join(bin, 'opa'))
  }
  return `${bin}:${process.env.PATH ?? ''}`
}

const withGitHost = '^(TestOAuth|TestRegistryNoCodeModulesReadVariables$)'
const exactly = (tests: readonly string[]) => `^(${tests.join('|')})$`

/**
 * Everything; then the tests of OAuth clients and one of no-code modules again as if there were a Git host: they ask
 * none, while other tests would take its token for a sign that one is there. At last those that were lost, alone: the
 * suite has tests that wait for fixed times.
 */
async function runAll(): Promise<number> {
  const before = join(import.meta.dirname, 'results.tsv')
  const named = args.indexOf('--out')
  const out = named < 0 ? join(folder, 'all.tsv') : resolve(args[named + 1]!)
  const rest = named < 0 ? args : args.toSpliced(named, 2)
  const again = async (tests: string, how: How) => {
    const file = join(folder, 'again.tsv')
    await runSuite([...rest, '--run', tests, '--out', file], how)
    await mergeInto(out, file)
  }
  await runSuite([...rest, '--run', `^(?!(${Object.keys(notRun).join('|')})$)`, '--out', out])
  await again(withGitHost, { hasGitHost: true })
  await addSkipped(out, Object.keys(notRun))
  const lostNow = async () => (await lostTests(before, out)).filter((test) => !byChance.has(test))
  const lost = await lostNow()
  if (lost.length > 0 && lost.length <= 40) {
    console.log(`Once more, alone: ${lost.join(', ')}`)
    const isOfHost = (test: string) => new RegExp(withGitHost).test(test)
    for (const hasGitHost of [false, true]) {
      const tests = lost.filter((test) => isOfHost(test) === hasGitHost)
      if (tests.length > 0) await again(exactly(tests), { hasGitHost })
    }
  }
  const stillLost = await lostNow()
  const { passed, failed, skipped } = await countOf(out)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped${named < 0 ? '' : ` (${out})`}`)
  if (stillLost.length > 0) console.error(`Passed before, not now:\n${stillLost.map((t) => `  ${t}`).join('\n')}`)
  if (isCi) {
    const others = failed + skipped - stillLost.length
    console.log(`conformance: ${passed} passed, ${stillLost.length} failed, ${others} skipped`)
  }
  return stillLost.length > 0 ? 1 : 0
}

/** Why there is nothing to run the suite with; null when all is there. */
function missing(): string | null {
  if (!existsSync(suite)) return `the suite is not there: ${suite}. Set GO_TFE_SUITE to its \`run\`.`
  if (spawnSync('go', ['version']).status !== 0) return 'go is not installed.'
  return null
}

function cannotRun(why: string): number {
  console.error(`The conformance suite cannot run: ${why}`)
  if (isCi) console.log('conformance: 0 passed, 0 failed, 1 skipped')
  return isCi ? 0 : 2
}

async function main(): Promise<number> {
  const why = missing()
  if (why !== null) return cannotRun(why)
  const cluster = await startCluster()
  process.env.TEST_DATABASE_URL = cluster.url
  folder = await mkdtemp(join(tmpdir(), 'tofutf-conformance-'))
  try {
    const chooses = args.some((arg) => ['--file', '--run', '--report', '--requirements', '--help'].includes(arg))
    return await (chooses ? runSuite(args) : runAll())
  } catch (error) {
    if (!(error instanceof NotRunnable)) throw error
    return cannotRun(error.message)
  } finally {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

process.exit(await main())
