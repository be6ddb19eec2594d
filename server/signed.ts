import { receiveConfiguration } from '../shared/configurations/upload.ts'
import { problem } from '../shared/errors.ts'
import { receivePolicies } from '../shared/policies/versions.ts'
import { checkSignedUrl, type SignedPurpose } from '../shared/signed-url.ts'
import { receiveJsonState, receiveState } from '../shared/states/receive.ts'
import { sendLog } from './phases/log.ts'
import { type Context, Routes } from './route.ts'
import { sendJsonState, sendState } from './states/download.ts'

/** Addresses that prove their caller by a signature in the path; no token is looked at. */
export const signed = new Routes('/_signed')

interface Purpose {
  method: 'get' | 'put'
  handle(ctx: Context, id: string): Promise<void>
}

const purposes: Partial<Record<SignedPurpose, Purpose>> = {
  'configuration-upload': { method: 'put', handle: (ctx, id) => receiveConfiguration(ctx.app, id, ctx.koa.req) },
  'state-upload': { method: 'put', handle: (ctx, id) => receiveState(ctx.app, id, ctx.koa.req) },
  'json-state-upload': { method: 'put', handle: (ctx, id) => receiveJsonState(ctx.app, id, ctx.koa.req) },
  'state-download': { method: 'get', handle: sendState },
  'json-state-download': { method: 'get', handle: sendJsonState },
  'policies-upload': { method: 'put', handle: (ctx, id) => receivePolicies(ctx.app, id, ctx.koa.req) },
  log: { method: 'get', handle: sendLog },
}

const path = '/:purpose/:id/:expires/:signature'

const dispatch = (method: Purpose['method']) => async (ctx: Context) => {
  const { purpose, id } = checkSignedUrl(ctx.app, ctx.params)
  const found = purposes[purpose]
  if (!found || found.method !== method) throw problem('not_found')
  await found.handle(ctx, id)
}

// the router answers HEAD by GET
signed.get(path, { action: 'public:read' }, dispatch('get'))
signed.put(path, { action: 'public:read', answers: 200 }, dispatch('put'))
