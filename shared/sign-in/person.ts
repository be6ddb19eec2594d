import { z } from 'zod'
import type { Tx } from '../../db/pool.ts'
import { sql } from '../../db/sql.ts'
import { problem } from '../errors.ts'
import { newId } from '../ids.ts'
import { insertUser, updateUserRow } from '../users/users.ts'
import { followGroups, type TeamChange } from './group-teams.ts'
import { type Identity, insertIdentity, selectOptionalIdentity, touchIdentity } from './identities.ts'
import type { Provider } from './providers.ts'

/** What a provider says about somebody. */
export interface Claims {
  /** The only key: stable, never used again for another person. */
  subject: string
  email: string | null
  /** Whether the provider says that the address is theirs. */
  emailVerified: boolean
  /** What they are called there: the beginning of a username. */
  name: string
  groups: readonly string[]
}

export interface Person {
  userId: string
  username: string
  identity: Identity
  /** made: the account is new. linked: an invited account has its first identity. */
  how: 'known' | 'linked' | 'made'
  teams: TeamChange[]
}

const UserRow = z.object({ username: z.string(), is_usable: z.boolean() })
const SameAddressRow = z.object({ id: z.string(), username: z.string(), waits: z.boolean() })

/**
 * The account of who signed in at a provider, its teams made what their groups say. Found by provider and subject alone;
 * an address never opens an account, except one that was invited and that nobody ever used.
 * @throws problem 'forbidden' with a sentence for the person
 */
export async function personOfIdentity(tx: Tx, provider: Provider, claims: Claims): Promise<Person> {
  requireDomain(provider, claims)
  // two first sign-ins at the same time make one account
  await tx.query(sql.void`select pg_advisory_xact_lock(hashtext('tofutf sign-in'), hashtext(${provider.id}))`)
  const known = await selectOptionalIdentity(tx, provider.id, claims.subject)
  const found = known ? { identity: known, how: 'known' as const } : await firstTime(tx, provider, claims)
  const user = await tx.one(sql.type(UserRow)`
    select username, suspended_at is null and not is_service_account as is_usable
    from users
    where id = ${found.identity.user_id}`)
  if (!user.is_usable) throw problem('forbidden', 'Your account is suspended. Ask a site admin to restore it.')
  await touchIdentity(tx, found.identity.id, claims.email)
  // who signs in with an account accepts what it was invited to
  await tx.query(sql.void`
    update organization_memberships
    set status = 'active'
    where user_id = ${found.identity.user_id} and status = 'invited'`)
  const teams = await applyGroups(tx, provider, found.identity, claims.groups)
  return { userId: found.identity.user_id, username: user.username, ...found, teams }
}

/** Without a groups claim, groups say nothing: then what they said before is over too. */
export const applyGroups = (tx: Tx, provider: Provider, identity: Identity, groups: readonly string[]) =>
  followGroups(tx, identity, provider.groups_claim === '' ? [] : groups.map((g) => provider.group_prefix + g))

function requireDomain(provider: Provider, claims: Claims): void {
  if (provider.allowed_domains.length === 0) return
  const domain = claims.emailVerified ? (claims.email?.split('@').at(-1)?.toLowerCase() ?? '') : ''
  if (!provider.allowed_domains.includes(domain))
    throw problem(
      'forbidden',
      `${provider.name} is open here only for verified e-mail addresses of certain domains, and yours is none of them. Sign in there with your work account, or ask a site admin.`,
    )
}

async function firstTime(
  tx: Tx,
  provider: Provider,
  claims: Claims,
): Promise<{ identity: Identity; how: 'linked' | 'made' }> {
  const email = claims.emailVerified && isAddress(claims.email) ? claims.email : null
  const same = email ? await selectSameAddress(tx, email) : null
  const identityOf = (userId: string) =>
    insertIdentity(tx, { providerId: provider.id, subject: claims.subject, userId, email: claims.email })
  if (same) {
    if (!same.waits || !provider.links_users) throw problem('forbidden', sameAddress(provider, same.waits))
    if (same.username.startsWith('invited-'))
      await updateUserRow(tx, same.id, { username: await freeUsername(tx, claims.name), email })
    return { identity: await identityOf(same.id), how: 'linked' }
  }
  if (!provider.creates_users)
    throw problem(
      'forbidden',
      `There is no account here for who you are at ${provider.name}. Ask a site admin to invite you.`,
    )
  // an address that nobody checked is not kept: invitations and links go by it
  const userId = await insertUser(tx, { username: await freeUsername(tx, claims.name), email, passwordHash: null })
  return { identity: await identityOf(userId), how: 'made' }
}

/** `waits`: invited, and never used by anybody. */
const selectSameAddress = (tx: Tx, email: string) =>
  tx.maybeOne(sql.type(SameAddressRow)`
    select u.id, u.username,
      u.password_hash is null and not u.is_service_account
        and not exists (select 1 from user_identities i where i.user_id = u.id) as waits
    from users u
    where lower(u.email) = lower(${email})
    for update of u`)

const sameAddress = (provider: Provider, waits: boolean): string =>
  waits
    ? `An account with your e-mail address waits here, but ${provider.name} may not open accounts by their address. Ask a site admin for the link that sets its password.`
    : `There is an account with your e-mail address already. Sign in in the way you did before: an address alone opens no account.`

/** An address that can be kept: no white space, no control characters. */
export const isAddress = (text: string | null): text is string =>
  text !== null && text.length <= 254 && /^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$/.test(text)

/** @throws problem 'bad_request' for a subject that is no text, or that cannot be kept */
export function checkedSubject(provider: Provider, subject: unknown): string {
  if (typeof subject === 'string' && /^[^\x00-\x1f\x7f]{1,255}$/.test(subject)) return subject
  throw problem('bad_request', `${provider.name} names you in a way that cannot be kept. Tell a site admin.`)
}

/** A username made of what somebody is called: letters, digits, dashes, underscores and dots. */
async function freeUsername(tx: Tx, name: string): Promise<string> {
  const base =
    name
      .normalize('NFKD')
      .replace(/@.*$/, '')
      .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
      .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
      .slice(0, 60) || 'user'
  // names that this server gives by itself
  const plain = /^(invited-.*|user-.*|site-admin)$/i.test(base) ? `sso-${base}` : base
  const candidates = [plain, ...Array.from({ length: 20 }, (_, i) => `${plain}-${i + 2}`)]
  const taken = await tx.anyFirst(sql.type(z.object({ name: z.string() }))`
    select lower(username) as name
    from users
    where lower(username) = any(${sql.array(
      candidates.map((c) => c.toLowerCase()),
      'text',
    )})`)
  return candidates.find((c) => !taken.includes(c.toLowerCase())) ?? newId('user')
}
