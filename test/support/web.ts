import { hashPassword, insertUser } from '../../shared/users/users.ts'
import type { TestServer } from './server.ts'

export interface WebAnswer {
  status: number
  headers: Headers
  html: string
  location: string | null
}

/** A browser without its screen: keeps cookies, follows nothing, sends the fields of forms. */
export class Web {
  readonly cookies = new Map<string, string>()
  private readonly base: string
  private csrf = ''

  constructor(server: Pick<TestServer, 'url'>) {
    this.base = server.url
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<WebAnswer> {
    return this.send('GET', path, undefined, headers)
  }

  /** Adds the CSRF token of the page that was read last, as the form in it would. */
  async post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<WebAnswer> {
    const body = new URLSearchParams({ ...(this.csrf && { _csrf: this.csrf }), ...fields })
    return this.send('POST', path, body, headers)
  }

  private async send(
    method: string,
    path: string,
    body: URLSearchParams | undefined,
    headers: Record<string, string>,
  ): Promise<WebAnswer> {
    const response = await fetch(this.base + path, {
      method,
      redirect: 'manual',
      headers: { cookie: [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; '), ...headers },
      ...(body && { body }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (value === '') this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
    const html = await response.text()
    this.csrf = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? this.csrf
    return { status: response.status, headers: response.headers, html, location: response.headers.get('location') }
  }

  async signIn(login: string, password: string): Promise<WebAnswer> {
    const answer = await this.post('/app/login', { login, password })
    await this.get('/app')
    return answer
  }
}

export const password = 'correct horse battery staple'

/** An account with a password. */
export async function makeUser(
  server: TestServer,
  username: string,
  more: { isSiteAdmin?: boolean } = {},
): Promise<string> {
  return insertUser(server.app.db, {
    username,
    email: `${username}@people.example`,
    passwordHash: await hashPassword(password),
    ...more,
  })
}
