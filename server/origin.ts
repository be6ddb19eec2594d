import type { TLSSocket } from 'node:tls'
import type { Context as Koa } from 'koa'
import type { Config } from '../shared/config.ts'

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/**
 * The base of absolute URLs in answers: the public address; but a client on this machine that reached us by a
 * loopback name keeps the way it came, since `npm start` answers TLS and plain http on one port.
 */
export function originOf(config: Config, koa: Koa): string {
  if (config.urlIsSet || !loopback.test(koa.host)) return config.url
  return `${(koa.req.socket as TLSSocket).encrypted ? 'https' : 'http'}://${koa.host}`
}
