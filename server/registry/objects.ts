// Files of the registry at signed addresses. The CLIs send no token to them, and HEAD is answered as GET
// (shared/api/module-provider-registry.md 4).
import { problem } from '../../shared/errors.ts'
import { receiveModule } from '../../shared/registry/module-upload.ts'
import { selectOptionalModuleVersionById } from '../../shared/registry/module-versions.ts'
import { selectOptionalPlatformById } from '../../shared/registry/provider-platforms.ts'
import { receiveProvider, receiveSums } from '../../shared/registry/provider-uploads.ts'
import { selectOptionalProviderVersionById } from '../../shared/registry/provider-versions.ts'
import { receiveTestConfiguration } from '../../shared/registry/test-configurations.ts'
import { readTestLog } from '../../shared/registry/test-logs.ts'
import { checkSignedUrl, type SignedPurpose, signedUrl } from '../../shared/signed-url.ts'
import { sendBlob } from '../download.ts'
import { type Context, Routes } from '../route.ts'

const base = '/_signed/object'
export const registryObjects = new Routes(base)

/** Absolute; with an empty origin relative to the host that the client reached us by. go-tfe expects `/object/` in it. */
export const objectUrl = (ctx: Context, purpose: SignedPurpose, id: string, origin = ctx.origin): string =>
  origin + signedUrl(ctx.app, '', purpose, id).replace('/_signed', base)

interface Purpose {
  method: 'get' | 'put'
  handle(ctx: Context, id: string): Promise<void>
}

const purposes: Partial<Record<SignedPurpose, Purpose>> = {
  'module-upload': { method: 'put', handle: (ctx, id) => receiveModule(ctx.app, id, ctx.koa.req) },
  'module-download': { method: 'get', handle: sendModule },
  'shasums-upload': { method: 'put', handle: (ctx, id) => receiveSums(ctx.app, id, 'shasums', ctx.koa.req) },
  'shasums-download': { method: 'get', handle: (ctx, id) => sendSums(ctx, id, 'shasums_blob_id') },
  'shasums-signature-upload': {
    method: 'put',
    handle: (ctx, id) => receiveSums(ctx.app, id, 'signature', ctx.koa.req),
  },
  'shasums-signature-download': { method: 'get', handle: (ctx, id) => sendSums(ctx, id, 'shasums_signature_blob_id') },
  'provider-upload': { method: 'put', handle: (ctx, id) => receiveProvider(ctx.app, id, ctx.koa.req) },
  'provider-download': { method: 'get', handle: sendProvider },
  'test-configuration-upload': {
    method: 'put',
    handle: (ctx, id) => receiveTestConfiguration(ctx.app, id, ctx.koa.req),
  },
  'test-log': { method: 'get', handle: sendTestLog },
}

const dispatch = (method: Purpose['method']) => async (ctx: Context) => {
  const { purpose, id } = checkSignedUrl(ctx.app, ctx.params)
  const found = purposes[purpose]
  if (found?.method !== method) throw problem('not_found')
  await found.handle(ctx, id)
}

const path = '/:purpose/:id/:expires/:signature'
registryObjects.get(path, { action: 'public:read' }, dispatch('get'))
registryObjects.put(path, { action: 'public:read', answers: 200 }, dispatch('put'))

async function sendModule(ctx: Context, id: string): Promise<void> {
  const version = await selectOptionalModuleVersionById(ctx.app.db, id)
  if (!version?.blob_id) throw problem('not_found')
  await sendBlob(ctx, { id: version.blob_id, of: id, sizeBytes: version.size_bytes ?? 0, type: 'application/gzip' })
}

async function sendSums(
  ctx: Context,
  id: string,
  column: 'shasums_blob_id' | 'shasums_signature_blob_id',
): Promise<void> {
  const blobId = (await selectOptionalProviderVersionById(ctx.app.db, id))?.[column]
  if (!blobId) throw problem('not_found')
  const bytes = await ctx.app.blobs.bytes(blobId, 1024 * 1024)
  ctx.koa.type = column === 'shasums_blob_id' ? 'text/plain' : 'application/pgp-signature'
  ctx.koa.body = bytes
}

const MAX_LOG_BYTES = 1024 * 1024

/** The bytes from `offset` on; the client asks again until it has read the end mark. */
async function sendTestLog(ctx: Context, id: string): Promise<void> {
  const whole = (name: string, fallback: number) => {
    const value = Number(ctx.query[name] ?? fallback)
    return Number.isSafeInteger(value) && value >= 0 ? value : fallback
  }
  const limit = Math.min(whole('limit', MAX_LOG_BYTES), MAX_LOG_BYTES)
  ctx.koa.type = 'text/plain'
  ctx.koa.body = await readTestLog(ctx.app.db, id, { offset: whole('offset', 0), limit })
}

async function sendProvider(ctx: Context, id: string): Promise<void> {
  const platform = await selectOptionalPlatformById(ctx.app.db, id)
  if (!platform?.blob_id) throw problem('not_found')
  await sendBlob(ctx, { id: platform.blob_id, of: id, sizeBytes: platform.size_bytes ?? 0, type: 'application/zip' })
}
