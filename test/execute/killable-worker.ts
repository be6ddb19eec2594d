import { join } from 'node:path'
import { pino } from 'pino'
import { executePhase } from '../../worker/execute/execute.ts'
import { archiveOf, MemoryPhase } from './fake-handle.ts'
import { applyOf, workOf } from './phases.ts'

// A worker in a process of its own, for tests that kill it: plans and applies what the arguments say.
const [folder, name, version, files] = process.argv.slice(2) as [string, 'terraform' | 'tofu', string, string]
const config = {
  workDir: join(folder, 'work'),
  engineDir: join(folder, 'engines'),
  engineDownload: false,
  pluginCacheDir: join(folder, 'plugin-cache'),
  providerMirror: undefined,
  outboundAllow: [],
  dataDir: join(folder, 'data'),
  sandbox: (process.env.TOFUTF_SANDBOX ?? 'off') as 'off' | 'required',
  maxUnpackedBytes: 1024 ** 2,
  maxStateBytes: 1024 ** 2,
  runner: { cancelGraceMs: 3000 },
}
const log = pino({ level: 'silent' })
const planned = new MemoryPhase(workOf({ engine: { name, version } }), await archiveOf(JSON.parse(files)))
await executePhase(config, planned, log)
const applied = applyOf(planned)
applied.onLog = (text) => process.stdout.write(text)
await executePhase(config, applied, log)
