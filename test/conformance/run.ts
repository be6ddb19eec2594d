/**
 * `npm run test:conformance [-- arguments of the suite]`: the official Go client's own integration tests against a
 * freshly started server. The suite lies beside the checkout; without it there is nothing to run.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startCluster } from '../support/postgres.ts'
import { startStack } from '../support/stack.ts'
import { prepareSite } from './site.ts'

const root = join(import.meta.dirname, '..', '..')
const suite = process.env.GO_TFE_SUITE ?? join(root, '..', 'shared', 'conformance', 'go-tfe', 'run')

if (!existsSync(suite)) {
  console.error(`The suite is not there: ${suite}. Set GO_TFE_SUITE to its \`run\`.`)
  process.exit(2)
}
const cluster = await startCluster()
process.env.TEST_DATABASE_URL = cluster.url
let code = 2
try {
  const stack = await startStack({
    // the cooling-off of a real server: the suite reads it some seconds after the cancel
    env: { TOFUTF_OUTBOUND_ALLOW: '127.0.0.1', TOFUTF_FORCE_CANCEL_COOLOFF: '10' },
  })
  try {
    await prepareSite(stack)
    const child = spawn(suite, process.argv.slice(2), {
      stdio: 'inherit',
      env: {
        // the management of OAuth clients asks no Git host: any token will do
        OAUTH_CLIENT_GITHUB_TOKEN: 'placeholder',
        ...process.env,
        TFE_ADDRESS: stack.server.url,
        TFE_TOKEN: stack.siteToken,
        SSL_CERT_FILE: stack.server.caFile,
      },
    })
    code = await new Promise((resolve) => child.once('exit', (exit) => resolve(exit ?? 2)))
  } finally {
    await stack.stop()
  }
} finally {
  await cluster.stop()
}
process.exit(code)
