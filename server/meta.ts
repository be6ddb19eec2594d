// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/ip-ranges
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Routes } from './route.ts'

export const meta = new Routes('/api/meta')

const startedAt = new Date()

/** The addresses behind the public host name: this server has no others of its own. */
async function ownRanges(url: string): Promise<string[]> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const found = isIP(host) ? [host] : (await lookup(host, { all: true })).map((a) => a.address)
  return [...new Set(found)].map((address) => `${address}/${isIP(address) === 6 ? 128 : 32}`)
}

/** One server does everything: the API, notifications, policies and what talks to Git hosts have the same addresses. */
meta.get('/ip-ranges', { action: 'public:read' }, async (ctx) => {
  const since = Date.parse(ctx.koa.get('if-modified-since'))
  ctx.koa.set('Last-Modified', startedAt.toUTCString())
  if (since >= startedAt.getTime()) {
    ctx.koa.status = 304
    ctx.koa.body = ''
    return
  }
  const ranges = await ownRanges(ctx.origin)
  ctx.koa.body = { api: ranges, notifications: ranges, sentinel: ranges, vcs: ranges }
})
