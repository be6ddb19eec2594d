import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  json: any
}

/** A stand-in for whoever is told: a webhook's receiver, a run task. Answers 200 unless told otherwise. */
export async function startReceiver(answer?: (req: Received, res: ServerResponse) => void) {
  const received: Received[] = []
  const server = createServer((req: IncomingMessage, res) => {
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', () => {
      const body = Buffer.concat(parts).toString()
      const one: Received = {
        method: req.method!,
        path: req.url!,
        headers: req.headers,
        body,
        json: req.headers['content-type']?.includes('json') ? JSON.parse(body) : undefined,
      }
      received.push(one)
      if (answer) answer(one, res)
      else res.end('ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    received,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
