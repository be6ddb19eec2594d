import type { Configuration } from '../../shared/configurations/queries.ts'
import { defineResource, statusTimestamps } from '../jsonapi/document.ts'

/** `upload_url` is there in the answer to its creation only: the address is a secret. */
export const configuration = defineResource<Configuration & { upload_url?: string }>({
  type: 'configuration-versions',
  id: (c) => c.id,
  attributes: (c) => ({
    'auto-queue-runs': c.auto_queue_runs,
    error: c.error,
    'error-message': c.error_message,
    source: c.source,
    speculative: c.speculative,
    provisional: c.provisional,
    status: c.status,
    'status-timestamps': statusTimestamps(c.status_timestamps),
    'changed-files': [],
    'upload-url': c.upload_url ?? null,
  }),
  relationships: () => ({ 'ingress-attributes': { data: null } }),
  links: (c) => ({
    self: `/api/v2/configuration-versions/${c.id}`,
    ...(c.status === 'uploaded' && { download: `/api/v2/configuration-versions/${c.id}/download` }),
  }),
  includes: {
    // no configuration comes from a commit yet
    'ingress-attributes': async () => [],
  },
})
