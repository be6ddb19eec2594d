import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { startReceiver } from './receiver.ts'

export interface Trust {
  /** The server's address in tokens. */
  issuer: string
  /** Where this relying party reaches the server, when that is another one. */
  discovery?: string
  audience: string
  subject: RegExp
}

export interface RelyingParty {
  url: string
  /** Claims of everybody who was let in, the first one first. */
  accepted: JWTPayload[]
  /** Why the others were not. */
  refused: string[]
  verify(token: string): Promise<boolean>
  stop(): Promise<void>
}

/**
 * A stand-in for a cloud: reads the issuer's discovery document and keys over HTTP, as a cloud does, and lets in who
 * posts a token that it believes. The verification is another project's.
 */
export async function startRelyingParty(trust: Trust): Promise<RelyingParty> {
  const accepted: JWTPayload[] = []
  const refused: string[] = []
  const base = trust.discovery ?? trust.issuer
  const verify = async (token: string): Promise<boolean> => {
    try {
      const document = await fetch(`${base}/.well-known/openid-configuration`)
      const { issuer, jwks_uri } = (await document.json()) as { issuer: string; jwks_uri: string }
      if (issuer !== trust.issuer) throw new Error(`the issuer calls itself ${issuer}`)
      // asked anew each time: a cache would hide that a key is gone
      const keys = createRemoteJWKSet(new URL(jwks_uri.replace(issuer, base)))
      const { payload } = await jwtVerify(token, keys, {
        issuer: trust.issuer,
        audience: trust.audience,
        algorithms: ['RS256'],
      })
      if (!trust.subject.test(payload.sub!)) throw new Error(`the subject ${payload.sub} is not trusted`)
      accepted.push(payload)
      return true
    } catch (error) {
      refused.push((error as Error).message)
      return false
    }
  }
  const receiver = await startReceiver((request, response) => {
    void verify(request.body.trim()).then((isTrusted) => {
      response.statusCode = isTrusted ? 200 : 403
      response.end(isTrusted ? 'welcome' : 'refused')
    })
  })
  return { url: receiver.url, accepted, refused, verify, stop: receiver.stop }
}
