import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import type { App } from '../app.ts'
import { Problem, problem } from '../errors.ts'
import { createRun } from '../runs/create.ts'
import { type Upload, wholeUpload } from '../upload.ts'
import { selectWorkspace, type Workspace } from '../workspaces/queries.ts'
import { type Configuration, lockConfiguration, selectOptionalConfiguration } from './queries.ts'

const GZIP = [0x1f, 0x8b]

class NotGzip extends Error {}

/** Passes the bytes on once the first two say that they are gzip. @throws NotGzip */
async function* gzipOnly(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Buffer | null = Buffer.alloc(0)
  for await (const part of source) {
    if (!head) {
      yield part
      continue
    }
    head = Buffer.concat([head, part])
    if (head.length < 2) continue
    if (head[0] !== GZIP[0] || head[1] !== GZIP[1]) throw new NotGzip()
    yield head
    head = null
  }
  if (head?.length) throw new NotGzip()
}

/**
 * Receives the archive of a pending configuration version; afterwards it is `uploaded`, current (unless speculative or
 * provisional), and its run is made when it was created with auto-queue-runs. All but the bytes in one transaction.
 * A broken or empty upload leaves it pending, to be sent again; what is not a gzip file leaves it errored.
 *
 * A second upload takes the place of the first as long as no run was made of it.
 *
 * @throws problem 'conflict' when a run has its archive already, 'too_large' (413)
 */
export async function receiveConfiguration(app: App, id: string, upload: Upload): Promise<void> {
  const configuration = await selectOptionalConfiguration(app.db, id)
  if (!configuration) throw problem('not_found')
  await requireFillable(app.db, configuration)
  const limitMib = app.config.maxConfigurationBytes / 1024 / 1024
  try {
    const stored = await app.blobs.put(gzipOnly(wholeUpload(upload)), {
      maxBytes: app.config.maxConfigurationBytes,
      tooLarge: `The configuration is larger than ${limitMib} MiB. Leave files out with .terraformignore, or raise TOFUTF_MAX_CONFIGURATION_MB.`,
    })
    if (stored.sizeBytes === 0) throw problem('bad_request', 'The upload is empty: a tar.gz archive is expected.')
    await app.db.transaction((tx) => fillConfiguration(app, tx, id, stored.id))
  } catch (error) {
    if (!(error instanceof NotGzip)) throw error
    const message = 'The upload is not a gzip file: a tar.gz archive is expected.'
    await app.db.query(sql.void`
      update configuration_versions
      set status = 'errored', error = 'invalid_archive', error_message = ${message}
      where id = ${id} and status = 'pending'`)
    throw problem('invalid_attribute', message)
  }
}

const UsedRow = z.object({ is_used: z.boolean() })

async function requireFillable(tx: Tx, configuration: Configuration): Promise<void> {
  if (configuration.status === 'pending') return
  const refuse = (why: string) =>
    problem('conflict', `The configuration version is ${why}: it takes no upload. Create a new one.`)
  if (configuration.status !== 'uploaded') throw refuse(configuration.status)
  const { is_used } = await tx.one(sql.type(UsedRow)`
    select exists (select 1 from runs where configuration_version_id = ${configuration.id}) as is_used`)
  if (is_used) throw refuse('uploaded and used by a run')
}

/** Gives a configuration version its archive. @throws problem 'conflict' */
export async function fillConfiguration(app: App, tx: Tx, id: string, blobId: string): Promise<void> {
  const configuration = await lockConfiguration(tx, id)
  if (!configuration) throw problem('not_found')
  // a run that is being made meanwhile waits for the lock on the row, or we waited for it
  await requireFillable(tx, configuration)
  const isCandidate = !configuration.speculative && !configuration.provisional
  await tx.query(sql.void`
    update configuration_versions
    set status = 'uploaded', blob_id = ${blobId}, current_at = ${isCandidate ? sql.fragment`clock_timestamp()` : sql.fragment`null`},
      status_timestamps = status_timestamps || ${sql.jsonb({ 'finished-at': app.now().toISOString() })}
    where id = ${id}`)
  if (configuration.blob_id) await app.blobs.remove(tx, configuration.blob_id)
  if (isCandidate) {
    await tx.query(sql.void`
      update workspaces
      set current_configuration_version_id = ${id}, latest_change_at = now()
      where id = ${configuration.workspace_id}`)
  }
  if (configuration.auto_queue_runs && !configuration.provisional) {
    await queueRun(app, tx, configuration, await selectWorkspace(tx, configuration.workspace_id))
  }
}

/** The upload stands even when no run can be made of it; why none was is kept with it. */
async function queueRun(app: App, tx: Tx, configuration: Configuration, workspace: Workspace): Promise<void> {
  if (workspace.execution_mode === 'local') return
  try {
    await tx.transaction((inner) =>
      createRun(app, inner, {
        workspace,
        configurationVersionId: configuration.id,
        source: 'tfe-configuration-version',
        message: 'Queued automatically when the configuration was uploaded',
        structuredOutput: true,
        createdBy: configuration.created_by,
      }),
    )
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    await tx.query(sql.void`
      update configuration_versions
      set error_message = ${`No run was queued. ${error.detail}`}
      where id = ${configuration.id}`)
  }
}
