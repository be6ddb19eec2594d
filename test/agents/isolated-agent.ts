import { once } from 'node:events'
import { createServer, connect as open } from 'node:net'

/**
 * An agent in a network namespace without any interface but its own loopback. `isolated-agent.ts SOCKET PORT`: its port
 * PORT leads to the Unix socket SOCKET, which a wire outside connects with the server.
 */
const [socket, port, isInside] = process.argv.slice(2)

if (!isInside) {
  const script = 'ip link set lo up && exec "$0" "$@"'
  const { NODE_CHANNEL_FD: _, ...env } = process.env
  const words = [process.execPath, import.meta.filename, socket!, port!, 'inside']
  process.execve!('/usr/bin/unshare', ['unshare', '-n', 'sh', '-c', script, ...words], env)
}

const relay = createServer((near) => {
  const far = open(socket!)
  near.on('error', () => far.destroy()).pipe(far)
  far.on('error', () => near.destroy()).pipe(near)
})
relay.listen(Number(port), '127.0.0.1')
await once(relay, 'listening')
await import('../../worker/agent.ts')
