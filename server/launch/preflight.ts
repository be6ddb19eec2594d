import { randomBytes } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../../shared/config.ts'
import { LaunchFailure } from './failure.ts'

/** Makes the data folder and makes sure that it can be written. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  const probe = join(dataDir, `.probe-${process.pid}`)
  try {
    // others may pass through (the user that runs Postgres), not look inside
    await makeFolders(dataDir, process.getuid?.() === 0 ? 0o711 : 0o700)
    await writeFile(probe, '')
    await rm(probe)
  } catch (error) {
    throw new LaunchFailure(
      `The data folder ${dataDir} cannot be written (${(error as Error).message}). Set TOFUTF_DATA_DIR to one that can.`,
    )
  }
}

/** Level by level: Node's recursive mkdir never ends where a file system answers ENOENT to it, as /proc does. */
async function makeFolders(folder: string, mode: number): Promise<void> {
  const missing = []
  for (let level = resolve(folder); !existsSync(level); level = dirname(level)) missing.unshift(level)
  for (const level of missing) await mkdir(level, { mode: level === missing.at(-1) ? mode : 0o755 })
}

/** With TOFUTF_TLS=files both files must be there and readable. */
export async function checkTlsFiles(tls: Config['tls']): Promise<void> {
  if (tls.mode !== 'files') return
  for (const [setting, file] of [
    ['TOFUTF_TLS_CERT', tls.certFile],
    ['TOFUTF_TLS_KEY', tls.keyFile],
  ]) {
    if (!file) throw new LaunchFailure(`TOFUTF_TLS=files needs ${setting}, the path of a PEM file.`)
    await access(file, constants.R_OK).catch((error) => {
      throw new LaunchFailure(`${setting} cannot be read: ${error.message}.`)
    })
  }
}

/** The port itself; for 0 one that is free. */
export function checkPort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `Port ${port} on ${host} is in use already. Stop what listens there, or set PORT to another one.`,
        EACCES: `Port ${port} needs rights that this user does not have. Set PORT to one above 1023.`,
        EADDRNOTAVAIL: `This machine does not have the address ${host}. Correct TOFUTF_HOST.`,
        ENOTFOUND: `This machine does not know the address ${host}. Correct TOFUTF_HOST.`,
      }
      reject(
        new LaunchFailure(reasons[error.code ?? ''] ?? `Port ${port} on ${host} cannot be used: ${error.message}.`),
      )
    })
    server.listen(port, host, () => {
      const { port: taken } = server.address() as { port: number }
      server.close(() => resolve(taken))
    })
  })
}

/** The secret of this data folder, made at the first start. */
export async function keptSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secret')
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(32).toString('base64url')
  await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  return secret
}
