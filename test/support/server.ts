import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKoa } from '../../server/koa.ts'
import { listen } from '../../server/listen.ts'
import { type App, openApp } from '../../shared/app.ts'
import { readConfig } from '../../shared/config.ts'
import { ensureSiteToken } from '../../shared/users/first-run.ts'
import { freshDatabase } from './postgres.ts'

/** JSON:API over real HTTP. `body` is sent as it is given (an object as JSON). */
export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape
  json: any
}

export interface Api {
  (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  get(path: string): Promise<Answer>
  post(path: string, body?: unknown): Promise<Answer>
  patch(path: string, body?: unknown): Promise<Answer>
  put(path: string, body?: unknown): Promise<Answer>
  delete(path: string, body?: unknown): Promise<Answer>
}

export function apiClient(base: string, token: string | null): Api {
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const url = /^https?:/.test(path)
      ? path
      : path.startsWith('/') && !path.startsWith('/api') && !path.startsWith('/_') && !path.startsWith('/.')
        ? `${base}/api/v2${path}`
        : base + path
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'Content-Type': 'application/vnd.api+json' }),
        ...headers,
      },
      ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as RequestInit['body'] & {} }),
    })
    const text = await response.text()
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch {
      json = undefined
    }
    return { status: response.status, headers: response.headers, text, json }
  }
  return Object.assign(call, {
    get: (path: string) => call('GET', path),
    post: (path: string, body?: unknown) => call('POST', path, body),
    patch: (path: string, body?: unknown) => call('PATCH', path, body),
    put: (path: string, body?: unknown) => call('PUT', path, body),
    delete: (path: string, body?: unknown) => call('DELETE', path, body),
  })
}

/** `{ data: { type, attributes, relationships } }` */
export const document = (attributes: Record<string, unknown>, relationships?: Record<string, unknown>) => ({
  data: { type: '', attributes, ...(relationships && { relationships }) },
})

export interface TestServer {
  app: App
  url: string
  siteToken: string
  /** As the site admin. */
  api: Api
  as(token: string | null): Api
  stop(): Promise<void>
}

/** The web tier in this process, on a fresh database, over real HTTP. Stop it in an `after` hook. */
export async function startServer(env: Record<string, string> = {}): Promise<TestServer> {
  const database = await freshDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'tofutf-test-'))
  const server = await serve({
    DATABASE_URL: database.url,
    TOFUTF_SECRET: randomBytes(24).toString('hex'),
    TOFUTF_DATA_DIR: dataDir,
    ...env,
  })
  return {
    ...server,
    async stop() {
      await server.stop()
      await database.drop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The same on a database and a data folder that are there. */
export async function serve(env: Record<string, string>): Promise<TestServer> {
  const siteToken = env.TOFUTF_SITE_TOKEN ?? `site.${randomBytes(24).toString('hex')}`
  const config = readConfig({
    PATH: process.env.PATH,
    PORT: '0',
    TOFUTF_SITE_TOKEN: siteToken,
    TOFUTF_LOG_LEVEL: process.env.TOFUTF_LOG_LEVEL ?? 'error',
    TOFUTF_RATE_LIMIT: '0',
    ...env,
  })
  const app = await openApp(config, 'test', { listen: false, supervise: false })
  await ensureSiteToken(app)
  const listening = await listen(config, createKoa(app).callback())
  const url = `http://127.0.0.1:${listening.port}`
  return {
    app,
    url,
    siteToken,
    api: apiClient(url, siteToken),
    as: (token) => apiClient(url, token),
    async stop() {
      await listening.close(200)
      await app.close()
    },
  }
}
