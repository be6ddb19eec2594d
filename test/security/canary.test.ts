import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { document, type TestServer } from '../support/server.ts'
import { expectStatus, logOf, type Stack, startStack } from '../support/stack.ts'
import { makeUser, password, Web } from '../support/web.ts'

const marker = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`

/** `rest` is added: a resource whose precondition fails, or one that makes each run have changes. */
const configuration = (rest: string) => `
variable "marked" {
  type      = string
  sensitive = true
}
variable "plain" {
  type = string
}
variable "from_set" {
  type = string
}
variable "object" {
  type = any
}
resource "terraform_data" "a" {
  input            = var.plain
  triggers_replace = [var.object.inner, var.from_set, base64encode(var.plain), ${rest.length}]
  provisioner "local-exec" {
    command = "echo env: $CANARY_ENV; printf user:$CANARY_ENV | base64 -w0; echo; echo 'plain: \${var.plain}'"
  }
}
output "marked" {
  value     = var.marked
  sensitive = true
}
output "address" {
  value = "https://x.example/?q=\${urlencode(var.from_set)}"
  sensitive = true
}
${rest}
`
const failsInPlan = `
resource "terraform_data" "bad" {
  lifecycle {
    precondition {
      condition     = var.plain == ""
      error_message = "it is not empty: \${var.plain}"
    }
  }
}`
const failsInApply = `
resource "terraform_data" "bad" {
  provisioner "local-exec" {
    command = "echo '\${var.plain}' >&2; exit 3"
  }
}`

describe('SEC-25, SEC-26: secrets that were given to the server', function () {
  this.timeout(240_000)
  let stack: Stack
  const secrets: Record<string, string> = {}

  before(async () => {
    stack = await startStack({ tls: false, env: { TOFUTF_LOG_LEVEL: 'debug' } })
  })
  after(() => stack?.stop())

  /** The marker, its base64 (whatever stands before it) and its hex. */
  const formsOf = (secret: string): string[] => [
    secret,
    Buffer.from(secret).toString('hex'),
    ...[0, 1, 2].map((n) =>
      Buffer.concat([Buffer.alloc(n), Buffer.from(secret)])
        .toString('base64')
        .slice(n + 1, -4),
    ),
  ]
  const foundIn = (text: string): string[] =>
    Object.entries(secrets).flatMap(([name, secret]) =>
      formsOf(secret).some((form) => text.includes(form)) ? [name] : [],
    )

  it('appear in no table, log, job, page, error or redacted plan, in clear or encoded', async () => {
    const { api } = stack
    const organization = await stack.makeOrganization()
    const workspace = await stack.makeWorkspace(organization)
    const variable = async (path: string, key: string, category: string, hcl = false) => {
      secrets[key] = marker(key)
      const value = hcl ? `{ inner = "${secrets[key]}" }` : secrets[key]
      expectStatus(await api.post(path, document({ key, value, category, hcl, sensitive: true })), 201)
    }
    const vars = `/workspaces/${workspace.id}/vars`
    await variable(vars, 'marked', 'terraform')
    await variable(vars, 'plain', 'terraform')
    await variable(vars, 'object', 'terraform', true)
    await variable(vars, 'CANARY_ENV', 'env')
    const set = await api.post(`/organizations/${organization}/varsets`, document({ name: 's', global: true }))
    await variable(`/varsets/${set.json.data.id}/relationships/vars`, 'from_set', 'terraform')
    secrets.oauth = marker('oauth')
    expectStatus(
      await api.post(
        `/organizations/${organization}/oauth-clients`,
        document({
          'service-provider': 'github',
          'http-url': 'https://github.com',
          'api-url': 'https://api.github.com',
          'oauth-token-string': secrets.oauth,
        }),
      ),
      201,
    )
    secrets.hook = marker('hook')
    const hook = { name: 'h', 'destination-type': 'generic', url: 'https://hooks.example.com/', token: secrets.hook }
    expectStatus(
      await api.post(
        `/workspaces/${workspace.id}/notification-configurations`,
        document({ ...hook, enabled: false, triggers: [] }),
      ),
      201,
    )
    const token = await api.post(`/organizations/${organization}/authentication-token`)
    secrets.token = token.json.data.attributes.token
    secrets.site = stack.siteToken

    const logs: string[] = []
    for (const structured of [true, false]) {
      await api.patch(`/workspaces/${workspace.id}`, document({ 'structured-run-output-enabled': structured }))
      await uploadConfiguration(api, workspace.id, { 'main.tf': configuration(`# ${structured}`) })
      const id = await startRun(api, workspace.id, { 'auto-apply': true })
      logs.push(await logOf(api, await stack.waitForRun(id, 'applied')))
      expect(logs.at(-1)).to.include('(sensitive value)')
    }
    for (const [at, rest] of [failsInPlan, failsInApply].entries()) {
      await uploadConfiguration(api, workspace.id, { 'main.tf': configuration(rest) })
      const failing = await startRun(api, workspace.id, { 'auto-apply': true })
      const run = await stack.waitForRun(failing, 'errored')
      logs.push(await logOf(api, run), JSON.stringify(run))
      expect(logs.at(-2), `${at}`).to.include('rror')
    }
    expect(foundIn(logs.join('\n')), 'logs of runs').to.deep.equal([])

    // a refused value is not repeated
    const refused = await api.post(vars, document({ key: 'a b', value: secrets.plain, category: 'terraform' }))
    expect(refused.status).to.equal(422)
    const broken = await api('POST', vars, `{"data": {"attributes": {"value": "${secrets.plain}"`)
    expect(broken.status).to.equal(400)
    expect(foundIn(refused.text + broken.text), 'errors').to.deep.equal([])

    const runs = (await api.get(`/workspaces/${workspace.id}/runs?include=plan,apply,created_by`)).json
    const answers: string[] = [JSON.stringify(runs)]
    for (const run of runs.data) {
      const plan = run.relationships.plan.data.id
      for (const path of [
        `/runs/${run.id}`,
        `/plans/${plan}`,
        `/plans/${plan}/json-output-redacted`,
        `/runs/${run.id}/run-events`,
      ]) {
        answers.push((await api.get(path)).text)
      }
    }
    for (const path of [
      vars,
      `/workspaces/${workspace.id}/all-vars`,
      `/workspaces/${workspace.id}/current-state-version?include=outputs`,
      `/workspaces/${workspace.id}/resources`,
    ]) {
      answers.push((await api.get(path)).text)
    }
    expect(foundIn(answers.join('\n')), 'answers of the API').to.deep.equal([])

    const web = new Web(stack)
    const server = { app: { db: stack.db } } as unknown as TestServer
    await makeUser(server, 'canary-reader', { isSiteAdmin: true })
    await web.get('/app/login')
    await web.signIn('canary-reader', password)
    const app = `/app/${organization}/workspaces/${workspace.name}`
    const paths = [app, `${app}/variables`, `${app}/runs`]
    for (const run of runs.data) {
      for (const part of ['', '/plan', '/json', '/plan-log', '/apply-log']) paths.push(`${app}/runs/${run.id}${part}`)
    }
    for (const path of paths) {
      const page = await web.get(path)
      expect(page.status, path).to.be.oneOf([200, 303, 404])
      expect(foundIn(page.html), path).to.deep.equal([])
    }

    expect(foundIn(stack.logs()), 'logs of processes').to.deep.equal([])
    expect(await foundInTables(), 'tables').to.deep.equal([])
    // the search does find what is there
    secrets.control = workspace.name
    expect(await foundInTables()).to.include('control in public.workspaces')
  })

  const TableRow = z.object({ name: z.string() })

  /** Every row of every table, the queue's too, as text; bytes are in hex. */
  async function foundInTables(): Promise<string[]> {
    const tables = await stack.db.any(sql.type(TableRow)`
      select format('%I.%I', schemaname, tablename) as name
      from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`)
    expect(tables.length).to.be.greaterThan(60)
    const found: string[] = []
    for (const { name } of tables) {
      for (const [secret, value] of Object.entries(secrets)) {
        const statement = sql.type(z.object({ n: z.number() }))`select 0 as n`
        const [raw, hex, ...encoded] = formsOf(value)
        const likes = [raw, hex, ...encoded, ...encoded.map((text) => Buffer.from(text!).toString('hex'))]
        const condition = likes.map((text) => `strpos(t::text, '${text}') > 0`).join(' or ')
        const { n } = await stack.db.one({
          ...statement,
          sql: `select count(*)::int as n from ${name} t where ${condition}`,
          values: [],
        })
        if (n > 0) found.push(`${secret} in ${name}`)
      }
    }
    return found
  }
})
