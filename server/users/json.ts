import type { User } from '../../shared/users/users.ts'
import { asset } from '../assets.ts'
import { defineResource } from '../jsonapi/document.ts'

/** E-mail address and rights are told to the person and to site admins only. */
export const user = defineResource<User>({
  type: 'users',
  id: (u) => u.id,
  attributes(u, { access, actor, origin }) {
    const isSelf = actor.kind === 'user' && actor.userId === u.id
    const isOpen = isSelf || access.isSiteAdmin
    return {
      username: u.username,
      'avatar-url': `${origin}${asset('icons.svg')}#person`,
      'is-service-account': u.is_service_account,
      'is-sso-login': false,
      'v2-only': false,
      ...(isOpen && {
        email: u.email,
        'unconfirmed-email': null,
        'is-site-admin': u.is_site_admin,
        'is-admin': u.is_site_admin,
        'two-factor': { enabled: false, verified: false },
        permissions: {
          'can-create-organizations': true,
          'can-change-email': isSelf,
          'can-change-username': isSelf,
          'can-manage-user-tokens': isSelf,
          'can-view2fa-settings': false,
          'can-manage-hcp-account': false,
        },
      }),
    }
  },
  relationships: (u) => ({
    'authentication-tokens': { links: { related: `/api/v2/users/${u.id}/authentication-tokens` } },
  }),
  links: (u) => ({ self: `/api/v2/users/${u.id}` }),
})
