import type { Token } from '../../shared/tokens/tokens.ts'
import { defineResource, toOne } from '../jsonapi/document.ts'

/** `token` is there in the answer of its creation and never again. */
export const authenticationToken = defineResource<Token & { token?: string }>({
  type: 'authentication-tokens',
  id: (t) => t.id,
  attributes: (t) => ({
    // the one token of a team has no description: clients tell it by that from the others
    description: t.is_legacy && t.kind === 'team' ? null : t.description,
    'created-at': t.created_at,
    'last-used-at': t.last_used_at,
    'expired-at': t.expired_at,
    token: t.token ?? null,
  }),
  relationships: (t) => ({
    'created-by': toOne('users', t.created_by),
    ...(t.team_id && { team: toOne('teams', t.team_id) }),
  }),
})
