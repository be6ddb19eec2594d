import { type Config, ConfigError, readConfig } from '../shared/config.ts'
import { openLog } from '../shared/log.ts'
import { stopWhenParentGoes } from '../shared/parent.ts'
import { productVersion } from '../shared/version.ts'
import { recoverOnAgent } from './agent/recover.ts'
import { register } from './agent/registration.ts'
import { openSlots } from './agent/slots.ts'
import { trustAuthorities } from './agent/trust.ts'
import { announceSandbox } from './execute/sandbox.ts'
import { agentClient } from './transport/agent-client.ts'
import { openSpool } from './transport/spool.ts'

/** `npm run agent`: executes phases of an agent pool's workspaces; reaches nothing but the server's address. */
async function main(): Promise<void> {
  const config = readConfig()
  const token = requireSettings(config)
  const log = openLog(config.logLevel, { role: 'agent' })
  trustAuthorities(config.certificateFile)
  await announceSandbox(config, log)
  const client = agentClient(config.url, token)
  const spool = await openSpool(config.workDir)
  const presence = await register(config, client, productVersion, log)
  const slots = openSlots({ config, client, spool, presence, log })

  const leftovers = recoverOnAgent(config, client, spool, log)
  let stopping = false
  const stop = async (graceMs: number) => {
    if (stopping) return
    stopping = true
    log.info({ graceMs }, 'agent: takes no more work')
    await slots.drain(graceMs)
    await leftovers.stop()
    await presence.stop('exited')
    await spool.remove()
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop(config.runner.drainGraceMs))
  process.on('SIGINT', () => void stop(0))
  stopWhenParentGoes(() => void stop(0))
}

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** @returns the token. @throws ConfigError */
function requireSettings(config: Config): string {
  if (!config.urlIsSet) throw new ConfigError('TOFUTF_URL is not set: the address of the server, https://…')
  if (!config.agent.token)
    throw new ConfigError('TOFUTF_AGENT_TOKEN is not set. Make a token on the page of an agent pool.')
  const { protocol, hostname } = new URL(config.url)
  if (protocol !== 'https:' && !loopback.test(hostname))
    throw new ConfigError('TOFUTF_URL must begin with https: an agent is sent the secrets of runs.')
  return config.agent.token
}

main().catch((error: Error) => {
  console.error(error instanceof ConfigError ? `agent: ${error.message}` : error)
  process.exit(1)
})
