import { createWriteStream } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { overrideBackend } from './backend.ts'
import { writeCliConfig } from './cli-config.ts'
import { makePipe } from './command.ts'
import { platform } from './engine-download.ts'
import { failureReason, runLogged } from './engine-run.ts'
import { findEngine, title } from './engines.ts'
import { engineEnvironment } from './environment.ts'
import { takeIdentity } from './identity.ts'
import { HeldInitOutput, InitOutput } from './init-output.ts'
import { linkPluginCache, publishPlugins } from './plugin-cache.ts'
import { usesSandbox } from './sandbox.ts'
import { writeSshKey } from './ssh-key.ts'
import { type Phase, type Step, succeeded } from './step.ts'
import { unpack } from './unpack.ts'
import { writeVariables } from './variables.ts'
import { createWorkdir, enterWorkingDirectory } from './workdir.ts'

/** The client drops the first three lines of an apply log, so both logs begin with these. Source: cli-protocol.md 2.4 */
const head: Step = {
  name: 'log head',
  run: async ({ work, writer }) => {
    writer.write(
      `${title(work.engine.name)} v${work.engine.version}\non ${platform()}\nInitializing plugins and modules...\n`,
    )
  },
}

const folder: Step = {
  name: 'folder',
  run: async (phase) => {
    phase.dir = await createWorkdir(phase.config.workDir, phase.work.runId)
  },
}

/** Everything that needs only the folder, at the same time: finding the engine, and the archive. */
const materials: Step = {
  name: 'materials',
  run: async (phase) => {
    const { config, work, stop, handle, dir } = phase
    await together(
      async () => {
        phase.engine = await findEngine(
          config,
          work.engine.name,
          work.engine.version,
          stop.signal,
          work.engine.archives,
        )
      },
      async () => {
        await unpack(await handle.configuration(), dir.config, { maxBytes: config.maxUnpackedBytes }, stop.signal)
        phase.cwd = await enterWorkingDirectory(dir, work.workspace.workingDirectory)
      },
      () => makePipe(dir.output),
      () => mkdir(config.pluginCacheDir, { recursive: true, mode: 0o700 }),
    )
  },
}

/** Our own files in and beside the archive, and the state where the override looks for it. */
const settings: Step = {
  name: 'settings',
  run: async (phase) => {
    const { config, work, dir, cwd, handle, stop } = phase
    const pluginCache = join(dir.root, 'plugin-cache')
    const lockFile = join(cwd, '.terraform.lock.hcl')
    await together(
      async () => {
        phase.stateFile = await overrideBackend(dir, cwd, work.workspace.name)
        if (work.state) await saveStream(phase, await handle.state(), phase.stateFile)
      },
      async () => {
        phase.hclFiles = await writeVariables(cwd, work.variables)
      },
      async () => {
        const cliConfig = await writeCliConfig(dir, { server: work.server, providerMirror: config.providerMirror })
        const sshCommand = work.sshKey === null ? null : await writeSshKey(dir, work.sshKey)
        const identity = await takeIdentity(dir, work, stop.signal, config.outboundAllow)
        phase.identity = identity
        phase.writer.hide(identity.secrets)
        phase.env = engineEnvironment(work, dir, { cliConfig, pluginCache, sshCommand, identity: identity.env })
        const certificateFile = phase.env.commands.SSL_CERT_FILE
        const places = { root: dir.root, engine: phase.engine.path, cwd, certificateFile }
        phase.sandbox = (await usesSandbox(config)) ? places : null
      },
      async () => {
        if (work.phase === 'apply') {
          const kept = await handle.artifact('lock-file')
          if (kept) await saveStream(phase, kept, lockFile)
        }
        await linkPluginCache(config.pluginCacheDir, pluginCache, lockFile)
      },
    )
    for (const name of phase.env.refused) {
      phase.writer.write(`The environment variable ${JSON.stringify(name)} is not passed to the engine.\n`)
    }
  },
}

const init: Step = {
  name: 'init',
  run: async (phase) => {
    const { work, dir, cwd, config, log } = phase
    const args = ['init', '-input=false', ...(work.structuredOutput ? ['-no-color'] : [])]
    const exit = await runLogged(phase, args, {
      json: false,
      filter: work.phase === 'apply' ? new HeldInitOutput() : new InitOutput(),
    })
    phase.stop.throwIfRequested()
    if (!succeeded(exit)) {
      phase.result = { outcome: 'errored', reason: failureReason(phase, 'init', exit) }
      return
    }
    phase.lockText = await readFile(join(cwd, '.terraform.lock.hcl'), 'utf8').catch(missing)
    // Beside the steps that follow; a cache that could not be filled costs time, not the run.
    const publishing = publishPlugins(join(dir.root, 'plugin-cache'), config.pluginCacheDir, phase.lockText)
    phase.background.push(publishing.catch((err) => log.warn({ err }, 'providers could not be put into the cache')))
  },
}

/** What plan and apply have in common, up to an initialised folder; `beside` runs at the same time as the settings. */
export const prepareSteps = (beside: (phase: Phase) => Promise<void> = async () => {}): readonly Step[] => [
  head,
  folder,
  materials,
  {
    name: settings.name,
    run: (phase) =>
      together(
        () => settings.run(phase),
        () => beside(phase),
      ),
  },
  init,
]

/** Runs all; after a failure the others end first, so that nobody writes into a folder that is being removed. */
export async function together(...tasks: (() => Promise<unknown>)[]): Promise<void> {
  const failed = (await Promise.allSettled(tasks.map((task) => task()))).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
}

export async function saveStream(phase: Phase, from: Readable, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await pipeline(from, createWriteStream(to, { mode: 0o600 }), { signal: phase.stop.signal })
}

function missing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return ''
  throw error
}
