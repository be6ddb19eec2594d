import { once } from 'node:events'
import { type AddressInfo, createServer, connect as open, type Socket } from 'node:net'

/** A connection to the server that can break: a TCP relay with a switch. */
export interface Wire {
  port: number
  /** Cuts every connection; new ones are cut at once until `mend`. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** @param path of a Unix socket to listen on, in place of a port: it is reached from another network namespace */
export async function openWire(targetPort: number, path?: string): Promise<Wire> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) return void near.destroy()
    const far = open(targetPort, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  if (path) server.listen(path)
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: path ? 0 : (server.address() as AddressInfo).port,
    cut() {
      isCut = true
      cutAll()
    },
    mend() {
      isCut = false
    },
    async close() {
      server.close()
      cutAll()
    },
  }
}
