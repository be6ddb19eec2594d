/** Who makes a request: found from a bearer token or a browser session. */
export type Actor =
  | {
      kind: 'user'
      userId: string
      username: string
      isSiteAdmin: boolean
      tokenId: string | null
      /** organizations whose settings do not take this token */
      refusedBy?: readonly string[]
    }
  | { kind: 'team'; teamId: string; organizationId: string; tokenId: string }
  | { kind: 'organization'; organizationId: string; tokenId: string }
  | { kind: 'audit-trail'; organizationId: string; tokenId: string }
  | { kind: 'agent'; agentPoolId: string; organizationId: string; tokenId: string }
  /** The engine of a running phase calling its own server. */
  | {
      kind: 'phase'
      phaseId: string
      phase: 'plan' | 'apply'
      runId: string
      workspaceId: string
      organizationId: string
      tokenId: string
    }
  | { kind: 'anonymous' }

/** The user behind an actor, for created_by columns; null for tokens that are not a person's. */
export const userIdOf = (actor: Actor): string | null => (actor.kind === 'user' ? actor.userId : null)
