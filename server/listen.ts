import { readFileSync } from 'node:fs'
import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer as createTcp, type Server, type Socket } from 'node:net'
import type { Config } from '../shared/config.ts'

const TLS_HANDSHAKE = 0x16

export interface Listening {
  port: number
  /** Stops accepting, lets running requests end, cuts what is left after the grace. */
  close(graceMs: number): Promise<void>
}

/**
 * Listens as the TLS mode says. `self` answers TLS and plain http on the same port: the first byte of a
 * connection tells which, so that both forms of CLI configuration that `npm start` prints work.
 */
export async function listen(
  config: Config,
  handler: Parameters<typeof createHttp>[1],
  stalledMs = STALLED_MS,
): Promise<Listening> {
  const tuned = tune(stalledMs)
  const http = tuned(createHttp(handler!))
  const sockets = new Set<Socket>()
  let servers: HttpServer[] = [http]
  let front: Server = http
  if (config.tls.mode !== 'off') {
    const https = tuned(
      createHttps({ cert: readFileSync(config.tls.certFile!), key: readFileSync(config.tls.keyFile!) }, handler),
    )
    front = https as unknown as Server
    servers = [https as unknown as HttpServer]
    if (config.tls.mode === 'self') {
      servers = [http, https as unknown as HttpServer]
      front = createTcp((socket) => {
        socket.on('error', () => socket.destroy())
        socket.setTimeout(30_000, () => socket.destroy())
        socket.once('readable', () => {
          const first: Buffer | null = socket.read(1)
          if (!first) return void socket.destroy()
          socket.setTimeout(0)
          socket.removeAllListeners('timeout')
          socket.unshift(first)
          ;(first[0] === TLS_HANDSHAKE ? https : http).emit('connection', socket)
        })
      })
    }
  }
  front.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject)
    front.listen(config.port, config.host, () => {
      front.off('error', reject)
      resolve()
    })
  })
  return {
    port: (front.address() as { port: number }).port,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => front.close(() => resolve()))
      for (const server of servers) server.closeIdleConnections()
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}

/** So long nothing may move on a connection in either direction; event streams ping more often. */
const STALLED_MS = 5 * 60_000

/**
 * Slow clients are bounded: headers within 30 s; bodies may take long (uploads), but not for ever; a client that takes
 * nothing of its answer is cut off.
 */
const tune =
  (stalledMs: number) =>
  <T extends HttpServer | ReturnType<typeof createHttps>>(server: T): T => {
    server.headersTimeout = 30_000
    server.requestTimeout = 60 * 60_000
    server.keepAliveTimeout = 65_000
    server.timeout = stalledMs
    return server
  }
