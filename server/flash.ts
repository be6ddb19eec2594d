import type { Context as Koa } from 'koa'
import type { App } from '../shared/app.ts'
import { readCookie, writeCookie } from './cookies.ts'

/** One sentence that survives a redirect: in a signed cookie, shown on the next page and gone with it. */
export interface Flash {
  tone: 'green' | 'red' | 'amber' | 'blue'
  text: string
}

export function leaveFlash(app: App, koa: Koa, origin: string, flash: Flash): void {
  const body = Buffer.from(JSON.stringify({ ...flash, text: flash.text.slice(0, 500) })).toString('base64url')
  writeCookie(koa, origin, 'flash', `${body}.${app.secrets.sign(body, 'flash')}`, 60)
}

export function takeFlash(app: App, koa: Koa, origin: string): Flash | null {
  const cookie = readCookie(koa, origin, 'flash')
  if (!cookie) return null
  writeCookie(koa, origin, 'flash', '', 0)
  const [body, signature] = cookie.split('.')
  if (!body || !signature || !app.secrets.verify(body, 'flash', signature)) return null
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Flash
}
