import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { readConfig } from '../../shared/config.ts'
import { LaunchFailure, sentenceOf } from './failure.ts'
import { type Launched, launch } from './launcher.ts'
import { ask } from './ready.ts'

/**
 * `npm run demo`: a server of its own on a free port with a temporary data folder, and a real
 * `terraform init, plan, apply, output, destroy` against it. Exit code 0 only when all of it held.
 */
const say = (line: string) => console.log(line)
const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.abort())

const folder = await mkdtemp(join(tmpdir(), 'tofutf-demo-'))
const logFile = join(folder, 'server.log')
async function demo(): Promise<number> {
  const dataDir = join(folder, 'data')
  const log = await open(logFile, 'a')
  let launched: Launched | undefined
  try {
    const engine = await findEngine()
    say(`using ${engine} from PATH, data in ${folder}`)
    const env = { ...withoutSettings(process.env), PORT: '0', TOFUTF_TLS: 'self', TOFUTF_DATA_DIR: dataDir }
    await openFolder(folder)
    launched = await launch(readConfig(env), { env, output: log.fd, say, signal: stopped.signal })
    say(`serving at ${launched.url}`)
    await makeWorkspace(launched)
    await runEngine(engine, launched)
    say('\nthe demo held: init, plan, apply, output and destroy ran through the server')
    return 0
  } catch (error) {
    console.error(`the demo failed: ${sentenceOf(error)}`)
    const lines = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-20)
    console.error(`last lines of the server's log:\n${lines.join('\n')}`)
    return 1
  } finally {
    await launched?.stop()
    await log.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function findEngine(): Promise<string> {
  for (const name of ['terraform', 'tofu']) {
    const { exitCode } = await execa(name, ['version'], { reject: false, env: { CHECKPOINT_DISABLE: '1' } })
    if (exitCode === 0) return name
  }
  throw new LaunchFailure('Neither terraform nor tofu is on PATH. Install one of them.')
}

/** The demo is on its own: no setting of the caller reaches it. */
const withoutSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TOFUTF_|TF_|DATABASE_URL$|PORT$)/.test(name)))

/** The user that runs Postgres has to pass through. */
const openFolder = (path: string) => execa('chmod', ['711', path])

async function makeWorkspace(launched: Launched): Promise<void> {
  await post(launched, 'organizations', 'organizations', { name: 'demo', email: 'demo@localhost.localdomain' })
  say('created organization demo')
  await post(launched, 'organizations/demo/workspaces', 'workspaces', { name: 'hello' })
  say('created workspace hello')
}

async function post(launched: Launched, path: string, type: string, attributes: object): Promise<void> {
  const { localUrl, token } = launched
  if (!token) throw new LaunchFailure('The first start gave no API token.')
  const body = { data: { type, attributes } }
  const answer = await ask(`${localUrl}/api/v2/${path}`, { method: 'POST', token, body })
  if (answer.status !== 201) throw new LaunchFailure(`POST ${path} answered ${answer.status}: ${answer.body}`)
}

/** What each command has to print. */
const steps: { args: string[]; expect: RegExp }[] = [
  { args: ['init', '-input=false'], expect: /has been successfully initialized/ },
  { args: ['plan', '-input=false'], expect: /Plan: 1 to add, 0 to change, 0 to destroy/ },
  { args: ['apply', '-input=false', '-auto-approve'], expect: /Apply complete! Resources: 1 added/ },
  { args: ['output', '-raw', 'greeting'], expect: /^hello from tofutf$/ },
  { args: ['destroy', '-input=false', '-auto-approve'], expect: /1 destroyed/ },
]

async function runEngine(engine: string, launched: Launched): Promise<void> {
  const cwd = join(folder, 'configuration')
  await mkdir(cwd)
  await writeFile(join(cwd, 'main.tf'), configuration(launched.cli.hostname))
  const { https } = launched.cli
  if (!https) throw new LaunchFailure('The demo needs TLS.')
  const env = {
    ...withoutSettings(process.env),
    TF_CLI_CONFIG_FILE: https.file,
    ...(https.caBundle ? { SSL_CERT_FILE: https.caBundle } : {}),
    CHECKPOINT_DISABLE: '1',
  }
  for (const { args, expect } of steps) {
    stopped.signal.throwIfAborted()
    say(`\n$ ${engine} ${args.join(' ')}`)
    const done = await execa(engine, [...args, ...(args[0] === 'output' ? [] : ['-no-color'])], {
      cwd,
      env,
      extendEnv: false,
      all: true,
      reject: false,
      stdin: 'ignore',
      timeout: 120_000,
      cancelSignal: stopped.signal,
    })
    say(done.all.replace(/^/gm, '  '))
    if (done.exitCode !== 0) throw new LaunchFailure(`${engine} ${args[0]} ended with code ${done.exitCode}.`)
    if (!expect.test(done.all)) throw new LaunchFailure(`${engine} ${args[0]} did not print ${expect}.`)
  }
}

const configuration = (hostname: string): string => `terraform {
  cloud {
    hostname     = "${hostname}"
    organization = "demo"
    workspaces {
      name = "hello"
    }
  }
}

resource "terraform_data" "hello" {
  input = "hello from tofutf"
}

output "greeting" {
  value = terraform_data.hello.output
}
`

process.exitCode = await demo()
