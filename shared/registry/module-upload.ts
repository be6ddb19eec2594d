import type { App } from '../app.ts'
import { problem } from '../errors.ts'
import { type Upload, wholeUpload } from '../upload.ts'
import { readArchive, WrongArchive } from './module-archive.ts'
import { readModule } from './module-reader.ts'
import { failModuleVersion, publishModuleVersion, selectOptionalModuleVersionById } from './module-versions.ts'

/**
 * Receives the archive of a module version, which is published (`ok`) when this returns. An archive that cannot be one
 * leaves the version failed with the reason; the address takes another try. Who still holds it may also replace the
 * archive: go-tfe's tests do, as with an object store.
 *
 * @throws problem 'too_large' (413), 'invalid_attribute' (422) saying what is wrong with the archive
 */
export async function receiveModule(app: App, id: string, upload: Upload): Promise<void> {
  if (!(await selectOptionalModuleVersionById(app.db, id))) throw problem('not_found')
  const stored = await app.blobs.put(wholeUpload(upload), {
    maxBytes: app.config.maxConfigurationBytes,
    tooLarge: `The module is larger than ${app.config.maxConfigurationBytes / 1024 / 1024} MiB (TOFUTF_MAX_CONFIGURATION_MB).`,
  })
  try {
    const archive = await app.blobs.read(stored.id)
    const { readme, sources } = await readArchive(archive, { maxBytes: app.config.maxUnpackedBytes })
    const contents = sources && (await readModule(sources))
    await publishModuleVersion(app, id, { blobId: stored.id, readme, contents })
  } catch (error) {
    await app.blobs.remove(app.db, stored.id)
    if (!(error instanceof WrongArchive)) throw error
    await failModuleVersion(app.db, id, error.message)
    throw problem('invalid_attribute', error.message)
  }
}
