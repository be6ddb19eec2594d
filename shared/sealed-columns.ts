/**
 * Every column that holds sealed bytes, with the context that its value is bound to. A rotation of keys goes through
 * this list; a test compares it with the database.
 */
export interface SealedColumn {
  table: string
  column: string
  /** Primary key, in its order. */
  key: readonly [string] | readonly [string, string]
  context(key: readonly (string | number)[]): string
}

const column = (table: string, name: string, context: (id: string | number) => string, key = 'id'): SealedColumn => ({
  table,
  column: name,
  key: [key],
  context: ([id]) => context(id!),
})

export const sealedColumns: readonly SealedColumn[] = [
  column('variables', 'value', (id) => `variables:${id}`),
  column('runs', 'variables', (id) => `runs.variables:${id}`),
  column('test_runs', 'variables', (id) => `test_runs.variables:${id}`),
  column('ssh_keys', 'value', (id) => `ssh_keys.value:${id}`),
  column('oauth_clients', 'secret', (id) => `oauth_clients.secret:${id}`),
  column('oauth_tokens', 'token', (id) => `oauth_tokens.token:${id}`),
  column('oauth_tokens', 'ssh_key', (id) => `oauth_tokens.ssh_key:${id}`),
  column('site_settings', 'secrets', (name) => `site_settings.secrets:${name}`, 'name'),
  column('notification_configurations', 'token', (id) => `notification_configurations.token:${id}`),
  column('tasks', 'hmac_key', (id) => `tasks.hmac_key:${id}`),
  column('policy_set_parameters', 'value', (id) => `policy_set_parameters.value:${id}`),
  column('state_versions', 'json_outputs', (id) => `state_versions.json_outputs:${id}`),
  column('state_version_outputs', 'value', (id) => `state_version_outputs:${id}`),
  column('sign_in_providers', 'client_secret', (id) => `sign_in_providers.client_secret:${id}`),
  column('signing_keys', 'private_key', (kid) => `signing_keys.private_key:${kid}`),
  {
    table: 'blob_chunks',
    column: 'data',
    key: ['blob_id', 'seq'],
    context: ([id, seq]) => `${id}:${seq}`,
  },
]

/** Other binary columns, and why they are not sealed. */
export const unsealedColumns: Readonly<Record<string, string>> = {
  'tokens.token_hash': 'a hash',
  'sessions.id_hash': 'a hash',
  'oauth_codes.code_hash': 'a hash',
  'sign_in_returns.state_hash': 'a hash',
  'sign_in_attempts.key_hash': 'a hash',
  'data_keys.wrapped': 'sealed by the root key',
  'blobs.sha256': 'a checksum',
  'blobs.md5': 'a checksum',
  'log_chunks.data': 'a log, its known secrets masked',
  'test_run_log_chunks.data': 'a log, its known secrets masked',
}
