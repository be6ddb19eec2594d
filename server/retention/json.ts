import type { RetentionPolicy } from '../../shared/retention/policies.ts'
import { defineResource, type RelationshipValue } from '../jsonapi/document.ts'

/** Two types, by what the policy does. */
export const deleteOlder = defineResource<RetentionPolicy>({
  type: 'data-retention-policy-delete-olders',
  id: (p) => p.id,
  attributes: (p) => ({ 'delete-older-than-n-days': p.days }),
})

export const dontDelete = defineResource<RetentionPolicy>({
  type: 'data-retention-policy-dont-deletes',
  id: (p) => p.id,
  attributes: () => ({}),
})

export const retentionResource = (p: RetentionPolicy) => (p.days === null ? dontDelete : deleteOlder)

export const retentionLink = (p: RetentionPolicy | null): RelationshipValue => ({
  data: p && { type: retentionResource(p).type, id: p.id },
})
