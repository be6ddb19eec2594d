import { expect } from 'chai'
import { hashPassword, updatePassword } from '../../shared/users/users.ts'
import { type Acme, makeAcme } from '../support/acme.ts'
import { makeMember } from '../support/people.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { password, Web } from '../support/web.ts'

/** Follows every link from the start page on. @returns what each address answered */
async function crawl(web: Web, start: string): Promise<Map<string, { status: number; html: string }>> {
  const seen = new Map<string, { status: number; html: string }>()
  const todo = [start]
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (seen.has(path) || seen.size > 400) continue
    const answer = await web.get(path)
    seen.set(path, { status: answer.status, html: answer.html })
    if (answer.location) todo.push(answer.location)
    for (const [, href] of answer.html.matchAll(/href="([^"#]+)(?:#[^"]*)?"/g)) {
      const url = new URL(href!.replaceAll('&amp;', '&'), `http://here${path}`)
      if (url.host === 'here' && url.pathname.startsWith('/app')) todo.push(url.pathname + url.search)
    }
  }
  return seen
}

const bad = (seen: Map<string, { status: number }>) =>
  [...seen].filter(([, { status }]) => ![200, 303].includes(status)).map(([path, { status }]) => `${path}: ${status}`)

describe('the pages together', function () {
  this.timeout(120_000)
  let server: TestServer
  let web: Web
  let acme: Acme
  before(async () => {
    server = await startServer()
    acme = await makeAcme(server)
    web = acme.web
  })
  after(() => server.stop())

  it('have no link that leads nowhere, for an admin of the site', async () => {
    const seen = await crawl(web, '/app')

    expect(bad(seen)).to.deep.equal([])
    expect(seen.size).to.be.greaterThan(60)
  })

  it('have no link that a member with few rights may not follow', async () => {
    const rights = { workspaces: { [acme.workspaceId]: 'read' } }
    const member = await makeMember(server, { id: acme.organizationId }, rights)
    await updatePassword(server.app.db, member.userId, await hashPassword(password))
    const reader = new Web(server)
    await reader.signIn(member.username, password)

    const seen = await crawl(reader, '/app')

    expect(bad(seen)).to.deep.equal([])
    expect([...seen.keys()].filter((path) => /settings|admin|new-/.test(path))).to.deep.equal([])
    const text = [...seen.values()].map((page) => page.html).join()
    expect(text).to.not.include('workspaces/queue/').and.not.include('Delete this')
  })

  it('show a README with its links and without its scripts', async () => {
    const list = await web.get('/app/acme/registry/modules')
    const path = /\/app\/acme\/registry\/modules\/mod-\w+/.exec(list.html)![0]

    const { html } = await web.get(path)

    expect(html).to.include('<h3>Network</h3>').and.include('href="https://example.com"')
    expect(html)
      .to.not.include('<script>alert')
      .and.not.match(/href="javascript/)
    expect(html).to.include('&lt;script&gt;').and.include('cidr').and.include('required')
  })
})
