import type { TestConfiguration } from '../../shared/registry/test-configurations.ts'
import type { TestRun } from '../../shared/registry/test-runs.ts'
import { defineResource, statusTimestamps, toOne } from '../jsonapi/document.ts'
import { objectUrl } from './objects.ts'

export const testRun = defineResource<TestRun>({
  type: 'test-runs',
  id: (t) => t.id,
  attributes: (t, ctx) => ({
    status: t.status,
    'status-timestamps': statusTimestamps(t.status_timestamps),
    'test-status': t.test_status,
    'tests-passed': t.tests_passed,
    'tests-failed': t.tests_failed,
    'tests-errored': t.tests_errored,
    'tests-skipped': t.tests_skipped,
    'error-message': t.error_reason,
    filters: t.filters,
    'test-directory': t.test_directory,
    verbose: t.is_verbose,
    parallelism: t.parallelism,
    'log-read-url': objectUrl(ctx, 'test-log', t.id),
    'created-at': t.created_at,
  }),
  relationships: (t) => ({
    'configuration-version': toOne('configuration-versions', t.configuration_id),
    'registry-module': toOne('registry-modules', t.module_id),
  }),
})

/** As the configuration versions of workspaces; it belongs to a module. */
export const testConfiguration = defineResource<TestConfiguration & { upload_url?: string }>({
  type: 'configuration-versions',
  id: (c) => c.id,
  attributes: (c) => ({
    'auto-queue-runs': false,
    error: null,
    'error-message': null,
    source: 'tfe-api',
    speculative: true,
    provisional: false,
    status: c.blob_id ? 'uploaded' : 'pending',
    'status-timestamps': {},
    'upload-url': c.upload_url ?? null,
  }),
})
