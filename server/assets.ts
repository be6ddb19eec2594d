import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Context as Koa } from 'koa'
import { iconSprite } from './icons.ts'

/**
 * What browsers load besides pages. Read once at start; the name of each holds a hash of its content, so that it
 * may be kept for ever and a new release is seen at once.
 */
interface Asset {
  type: string
  bytes: Buffer
  gzipped: Buffer
}

const require = createRequire(import.meta.url)
const own = (name: string): Buffer => readFileSync(join(import.meta.dirname, '..', 'views', 'assets', name))

const sources: Record<string, { type: string; bytes: Buffer }> = {
  'app.css': { type: 'text/css; charset=utf-8', bytes: own('app.css') },
  'app.js': { type: 'text/javascript; charset=utf-8', bytes: own('app.js') },
  'run.js': { type: 'text/javascript; charset=utf-8', bytes: own('run.js') },
  'htmx.js': {
    type: 'text/javascript; charset=utf-8',
    bytes: readFileSync(require.resolve('htmx.org/dist/htmx.min.js')),
  },
  'hx-sse.js': {
    type: 'text/javascript; charset=utf-8',
    bytes: readFileSync(require.resolve('htmx.org/dist/ext/hx-sse.min.js')),
  },
  'icons.svg': { type: 'image/svg+xml', bytes: Buffer.from(iconSprite()) },
}

const byPath = new Map<string, Asset>()
const pathOf = new Map<string, string>()
for (const [name, { type, bytes }] of Object.entries(sources)) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
  const path = `/assets/${name.replace(/\.(\w+)$/, `-${hash}.$1`)}`
  pathOf.set(name, path)
  byPath.set(path, { type, bytes, gzipped: gzipSync(bytes, { level: 9 }) })
}

/** `app.css` → `/assets/app-3f0c….css`. */
export function asset(name: string): string {
  const path = pathOf.get(name)
  if (!path) throw new Error(`no asset ${name}`)
  return path
}

/** Answers a request for an asset; false when there is none of that name. */
export function serveAsset(koa: Koa): boolean {
  const found = byPath.get(koa.path)
  if (!found || (koa.method !== 'GET' && koa.method !== 'HEAD')) return false
  koa.type = found.type
  koa.set({ 'Cache-Control': 'public, max-age=31536000, immutable', Vary: 'Accept-Encoding' })
  if (koa.acceptsEncodings('gzip', 'identity') === 'gzip') {
    koa.set('Content-Encoding', 'gzip')
    koa.body = found.gzipped
  } else koa.body = found.bytes
  return true
}
