import { expect } from 'chai'
import type { Page as Tab } from 'playwright-core'
import { ensureFirstRun } from '../../shared/users/first-run.ts'
import { consoleErrors } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { uploadConfiguration } from '../support/configurations.ts'
import { type Stack, startStack } from '../support/stack.ts'

const configuration = `
variable "greeting" { type = string }
resource "terraform_data" "note" { input = var.greeting }
output "said" { value = terraform_data.note.output }
`
const workspace = '/app/journey/workspaces/first'
/** What an engine does may take that long on a slow machine. */
const engine = { timeout: 120_000 }

describe('from the first sign-in to a rollback, in a browser', function () {
  this.timeout(400_000)
  let stack: Stack
  before(async function () {
    if (!browserPath()) this.skip()
    stack = await startStack({ tls: false })
  })
  after(() => stack?.stop())

  const button = (tab: Tab, name: string) => tab.getByRole('button', { name, exact: true })

  async function signIn(tab: Tab): Promise<void> {
    const account = await ensureFirstRun({ db: stack.db }, { username: 'admin', email: 'admin@journey.example' })
    await tab.goto(stack.url)
    await tab.getByLabel('Username or e-mail address').fill(account!.username)
    await tab.getByLabel('Password').fill(account!.password)
    await button(tab, 'Sign in').click()
    await tab.getByRole('heading', { name: 'Organizations', level: 1 }).waitFor()
  }

  async function makeWorkspace(tab: Tab): Promise<void> {
    await tab.getByLabel('Name', { exact: true }).last().fill('journey')
    await tab.getByLabel('Contact e-mail').fill('ops@journey.example')
    await button(tab, 'Create').click()
    await tab.waitForURL(/\/app\/journey/)
    await tab.getByRole('link', { name: 'New workspace' }).first().click()
    await tab.getByLabel('Name', { exact: true }).fill('first')
    await button(tab, 'Create').click()
    await tab.waitForURL(stack.url + workspace)
  }

  async function addVariable(tab: Tab, value: string): Promise<void> {
    await tab.getByRole('link', { name: 'Variables', exact: true }).click()
    await tab.getByRole('link', { name: 'Add' }).first().click()
    await tab.getByLabel('Key', { exact: true }).fill('greeting')
    await tab.getByRole('textbox', { name: 'Value' }).fill(value)
    await button(tab, 'Add variable').click()
    await tab.getByText(value, { exact: true }).waitFor()
  }

  async function changeVariable(tab: Tab, value: string): Promise<void> {
    await tab.getByRole('link', { name: 'Variables', exact: true }).click()
    await tab.getByRole('link', { name: 'greeting' }).click()
    await tab.getByRole('textbox', { name: 'Value' }).fill(value)
    await button(tab, 'Save').click()
    await tab.getByText(value, { exact: true }).waitFor()
  }

  /** Starts a run, reads its log while it is written, confirms, and sees it applied, on one page. */
  async function apply(tab: Tab, message: string, planned: string): Promise<void> {
    await tab.goto(stack.url + workspace)
    await tab.getByRole('link', { name: 'New run' }).first().click()
    await tab.getByLabel('Message').fill(message)
    await button(tab, 'Start').click()
    await tab.getByRole('heading', { name: message, level: 1 }).waitFor()
    await button(tab, 'Confirm and apply').waitFor(engine)
    await tab.locator('#plan-log-lines').getByText(planned).first().waitFor()
    await tab.getByText('terraform_data.note').first().waitFor()
    await button(tab, 'Confirm and apply').click()
    await tab.locator('.badge.big', { hasText: 'Applied' }).waitFor(engine)
    await tab.locator('#apply-log-lines').getByText('Apply complete!').first().waitFor()
  }

  it('sets up, applies twice, compares the states and goes back, without a console error', async () => {
    const { context, close } = await openBrowser()
    try {
      const tab = context.pages()[0] ?? (await context.newPage())
      const problems = consoleErrors(tab)
      await signIn(tab)
      await makeWorkspace(tab)
      await addVariable(tab, 'hello')
      // what `terraform init` and a first plan bring along
      const { id } = (await stack.api.get('/organizations/journey/workspaces/first')).json.data
      await uploadConfiguration(stack.api, id, { 'main.tf': configuration })

      await apply(tab, 'Say hello', 'Plan: 1 to add')
      await tab.getByRole('link', { name: 'States', exact: true }).click()
      await tab.getByText('terraform_data.note').first().waitFor()
      await tab.getByText('hello').first().waitFor()
      await changeVariable(tab, 'goodbye')
      await apply(tab, 'Say goodbye', 'Plan: 0 to add, 1 to change')

      await tab.getByRole('link', { name: 'States', exact: true }).click()
      await tab.getByText('goodbye').first().waitFor()
      await tab.getByRole('navigation', { name: 'Versions' }).getByRole('link').last().click()
      await tab.getByRole('link', { name: /^Roll back to/ }).click()
      await tab.getByText('terraform_data.note').first().waitFor()
      expect(await tab.locator('main').textContent())
        .to.include('"goodbye"')
        .and.include('"hello"')
      await tab.getByLabel('Type first to go on').fill('first')
      await tab.getByRole('button', { name: /^Roll back to/ }).click()
      await tab.getByText(/^Rolled back to state/).waitFor()
      const outputs = await stack.api.get(`/workspaces/${id}/current-state-version-outputs`)
      expect(outputs.json.data[0].attributes).to.include({ name: 'said', value: 'hello' })
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })
})
