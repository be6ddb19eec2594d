/**
 * `npm run test:conformance [-- arguments of the suite]`: the official Go client's own integration tests against a
 * freshly started server. The suite lies beside the checkout; without it there is nothing to run.
 * Without arguments that choose tests it runs all of them, and fails when one that passes in results.tsv does not.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startCluster } from '../support/postgres.ts'
import { startStack } from '../support/stack.ts'
import { countOf, lostTests, mergeInto } from './results.ts'
import { prepareSite } from './site.ts'

const root = join(import.meta.dirname, '..', '..')
const suite = process.env.GO_TFE_SUITE ?? join(root, '..', 'shared', 'conformance', 'go-tfe', 'run')

/** One run of the suite against a server of its own. @returns its exit code */
async function runSuite(args: string[], env: Record<string, string> = {}): Promise<number> {
  const stack = await startStack({
    // the cooling-off of a real server: the suite reads it some seconds after the cancel
    env: { TOFUTF_OUTBOUND_ALLOW: '127.0.0.1', TOFUTF_FORCE_CANCEL_COOLOFF: '10' },
  })
  try {
    await prepareSite(stack)
    const child = spawn(suite, args, {
      stdio: 'inherit',
      env: {
        ...env,
        ...process.env,
        TFE_ADDRESS: stack.server.url,
        TFE_TOKEN: stack.siteToken,
        SSL_CERT_FILE: stack.server.caFile,
      },
    })
    return await new Promise((done) => child.once('exit', (exit) => done(exit ?? 2)))
  } finally {
    await stack.stop()
  }
}

/**
 * Everything; the tests of OAuth clients again with a placeholder for a Git host's token: they manage it and ask no
 * host, while other tests would take the token for a sign that a Git host is there.
 */
async function runAll(args: string[]): Promise<number> {
  const named = args.indexOf('--out')
  const out = named < 0 ? join(tmpdir(), 'go-tfe-results.tsv') : resolve(args[named + 1]!)
  const rest = named < 0 ? args : args.toSpliced(named, 2)
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-conformance-'))
  try {
    if ((await runSuite([...rest, '--out', out])) > 1) return 2
    const second = join(folder, 'oauth.tsv')
    const options = [...rest, '--file', '^oauth_', '--out', second]
    if ((await runSuite(options, { OAUTH_CLIENT_GITHUB_TOKEN: 'placeholder' })) > 1) return 2
    await mergeInto(out, second)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const lost = await lostTests(join(import.meta.dirname, 'results.tsv'), out)
  console.log(`${await countOf(out)} (${out})`)
  if (lost.length > 0) console.error(`These passed before and do not now:\n${lost.map((t) => `  ${t}`).join('\n')}`)
  return lost.length > 0 ? 1 : 0
}

if (!existsSync(suite)) {
  console.error(`The suite is not there: ${suite}. Set GO_TFE_SUITE to its \`run\`.`)
  process.exit(2)
}
const cluster = await startCluster()
process.env.TEST_DATABASE_URL = cluster.url
const args = process.argv.slice(2)
const chooses = args.some((arg) => ['--file', '--run', '--report', '--requirements', '--help'].includes(arg))
let code = 2
try {
  code = await (chooses ? runSuite(args) : runAll(args))
} finally {
  await cluster.stop()
}
process.exit(code)
