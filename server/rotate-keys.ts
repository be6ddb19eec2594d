import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '../db/embedded.ts'
import { openPool } from '../db/pool.ts'
import { type Config, ConfigError, readConfig } from '../shared/config.ts'
import { WrongSecret } from '../shared/data-keys.ts'
import { RotationBusy, rotateKeys } from '../shared/key-rotation.ts'
import { LaunchFailure } from './launch/failure.ts'
import { lockFolder } from './launch/lock.ts'
import { keptSecret } from './launch/preflight.ts'

/** `npm run rotate-keys [-- --new-key] [--wait-seconds N]`: docs/keys.md. */
async function main(args: string[]): Promise<void> {
  const asked = readArguments(args)
  await using place = await openPlace(readConfig())
  const { damaged, keptKeys, removedKeys, resealed } = await rotateKeys(place.pool, {
    // nobody else works on a folder that is locked
    ...(place.isAlone && { switchMs: 0 }),
    ...asked,
    secret: place.secret,
    previous: place.previous,
    say: console.log,
  })
  console.log(`${resealed} values and pieces of files were sealed anew; ${removedKeys.length} former keys removed`)
  if (keptKeys.length === 0) return
  if (damaged.length > 0) console.error(`These do not open and stay as they are:\n${damaged.join('\n')}`)
  else console.error('A process of this server has not noticed the new key yet. Run this again.')
  console.error(`Former keys that stay: ${keptKeys.join(', ')}`)
  process.exitCode = 1
}

function readArguments(args: string[]): { newKey: boolean; switchMs?: number } {
  const rest = args.filter((arg) => arg !== '--new-key')
  const newKey = rest.length < args.length
  if (rest.length === 0) return { newKey }
  const seconds = Number(rest[1])
  if (rest[0] !== '--wait-seconds' || rest.length !== 2 || !(seconds >= 0))
    throw new ConfigError('Arguments are --new-key and --wait-seconds N.')
  return { newKey, switchMs: seconds * 1000 }
}

/** The database and secrets of the settings; without them those of `npm start`, which must not run meanwhile. */
async function openPlace(config: Config) {
  await using undo = new AsyncDisposableStack()
  let { databaseUrl, secret } = config
  if (!databaseUrl) {
    if (!existsSync(join(config.dataDir, 'secret')))
      throw new ConfigError('Set DATABASE_URL and TOFUTF_SECRET as the processes of this server have them.')
    const lock = lockFolder(config.dataDir)
    undo.defer(() => lock.release())
    secret ??= await keptSecret(config.dataDir)
    const postgres = await startPostgres({ dataDir: config.dataDir })
    undo.defer(() => postgres.stop())
    databaseUrl = postgres.url
  }
  if (!secret) throw new ConfigError('TOFUTF_SECRET is not set.')
  const pool = await openPool(databaseUrl, { maxConnections: 4 })
  undo.defer(() => pool.end())
  const all = undo.move()
  const isAlone = config.databaseUrl === undefined
  return { pool, secret, isAlone, previous: config.previousSecrets, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

main(process.argv.slice(2)).catch((error: Error) => {
  const known = [ConfigError, WrongSecret, RotationBusy, LaunchFailure].some((kind) => error instanceof kind)
  console.error(known ? error.message : error)
  process.exitCode = 1
})
