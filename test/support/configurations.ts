import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { create } from 'tar'
import { type Api, document } from './server.ts'
import { expectStatus } from './stack.ts'

/** A configuration archive as a CLI makes it: gzipped tar, entries without a leading `./`. */
export async function archiveOf(files: Record<string, string>): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'tofutf-archive-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const names = [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))]
    return await buffer(create({ gzip: true, cwd: folder, portable: true }, names))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Uploads a configuration and answers its id. */
export async function uploadConfiguration(
  api: Api,
  workspaceId: string,
  files: Record<string, string>,
  attributes: Record<string, unknown> = {},
): Promise<string> {
  const path = `/workspaces/${workspaceId}/configuration-versions`
  const made = expectStatus(await api.post(path, document({ 'auto-queue-runs': false, ...attributes })), 201)
  const { id, attributes: has } = made.json.data
  const upload = await fetch(has['upload-url'], { method: 'PUT', body: new Uint8Array(await archiveOf(files)) })
  if (!upload.ok) throw new Error(`the upload answered ${upload.status}: ${await upload.text()}`)
  return id
}

/** Starts a run over the API and answers its id; without a configuration it uses the workspace's newest. */
export async function startRun(
  api: Api,
  workspaceId: string,
  attributes: Record<string, unknown> = {},
  configurationId?: string,
): Promise<string> {
  const related = (type: string, id: string) => ({ data: { type, id } })
  const relationships = {
    workspace: related('workspaces', workspaceId),
    ...(configurationId && { 'configuration-version': related('configuration-versions', configurationId) }),
  }
  return expectStatus(await api.post('/runs', document(attributes, relationships)), 201).json.data.id
}
