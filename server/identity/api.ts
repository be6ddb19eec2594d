// Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/settings#rotate-oidc-key
import { rotateSigningKey, trimSigningKeys } from '../../shared/identity/keys.ts'
import { Routes } from '../route.ts'

export const identityKeys = new Routes('/api/v2/admin/oidc-settings/actions')

identityKeys.post('/rotate-key', { action: 'site:admin' }, ({ app }) => rotateSigningKey(app))
identityKeys.post('/trim-key', { action: 'site:admin' }, ({ app }) => trimSigningKeys(app))
