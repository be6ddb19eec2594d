import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from 'chai'
import { finishPhase } from '../../shared/runs/hold.ts'
import { LINEAGE } from '../states/setup.ts'
import { consoleErrors, signIn } from '../support/browse.ts'
import { browserPath, openBrowser } from '../support/browser.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { failure, planLog } from '../support/engine-output.ts'
import { examplePlan, keepPlan } from '../support/plans.ts'
import { document, startServer, type TestServer } from '../support/server.ts'
import { putState } from '../support/states.ts'
import { makeUser } from '../support/web.ts'
import { finish, take, write } from '../support/worker.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('reading plans, logs and states in a browser', function () {
  this.timeout(300_000)
  let server: TestServer
  let planned: string
  let failed: string
  const base = '/app/acme/workspaces/net'
  before(async function () {
    if (!browserPath()) this.skip()
    server = await startServer()
    const { app, api } = server
    await makeUser(server, 'mira', { isSiteAdmin: true })
    await api.post('/organizations', document({ name: 'acme', email: 'ops@acme.example' }))
    const id = (await api.post('/organizations/acme/workspaces', document({ name: 'net' }))).json.data.id
    await uploadConfiguration(api, id, { 'main.tf': '' })
    const output = (value: unknown, more = {}) => ({ value, type: 'string', ...more })
    const before = { gone: 'x', kept: 'x', other: 'old value' }
    const outputs = { ports: output('80, 443'), token: output('s3cret-value', { sensitive: true }) }
    await putState(api, id, { serial: 41, lineage: LINEAGE, resources: before, outputs })
    const after = { kept: 'x', other: 'new value', added: 'y' }
    await putState(api, id, { serial: 42, lineage: LINEAGE, resources: after, outputs: { ports: output('443, 8443') } })

    failed = await startRun(api, id, { 'plan-only': true, message: 'Fails' })
    const second = await take(app, failed, 'plan')
    await write(app, second, `${planLog.split('\n').slice(0, 4).join('\n')}\n${failure}`)
    await finishPhase(app, second, { outcome: 'errored', reason: 'No such subnet' })

    planned = await startRun(api, id, { message: 'Split NAT per zone, retire legacy gateway' })
    const first = await take(app, planned, 'plan')
    await write(app, first, planLog)
    await keepPlan(app, first, examplePlan())
    await finish(app, first, { additions: 5, changes: 6, destructions: 3 })
  })
  after(() => server?.stop())

  it('with JavaScript a row fetches its attributes when it opens, chips filter in place, keys walk the changes', async () => {
    const { context, close } = await openBrowser()
    try {
      const page = await context.newPage()
      const problems = consoleErrors(page)
      await signIn(page, server.url, `${base}/runs/${planned}`)

      await page.getByText('private[4 keys]').click()
      await page.getByText('10.20.0.0/20').waitFor()
      await page.getByRole('link', { name: 'Replace 1' }).click()
      await page.locator('.chip[aria-current=true]', { hasText: 'Replace' }).waitFor()
      expect(await page.locator('#plan .res').count()).to.equal(1)
      await page.getByRole('link', { name: 'All 15' }).click()
      await page.locator('#g-create').waitFor()
      await page.locator('#pq').fill('8443')
      await page.keyboard.press('Enter')
      await page.locator('#g-create').waitFor({ state: 'detached' })
      expect(await page.locator('#plan .res').count()).to.equal(1)
      await page.locator('h1').click()
      await page.keyboard.press('n')
      await page.keyboard.press('o')
      await page.getByText('1 unchanged').first().waitFor()
      await page.getByPlaceholder('Find in log').fill('bastion')
      await page.keyboard.press('Enter')
      await page.getByText('2 lines with “bastion”').waitFor()
      expect(problems).to.deep.equal([])
    } finally {
      await close()
    }
  })

  it('without JavaScript a row leads to its page, chips and search to the plan’s, a rollback takes a typed name', async () => {
    const { context, close } = await openBrowser({ javaScriptEnabled: false })
    try {
      const page = await context.newPage()
      await signIn(page, server.url, `${base}/runs/${planned}`)
      await page.locator('.res', { hasText: 'private[4 keys]' }).locator('summary').click()
      await page.locator('.res', { hasText: 'private[4 keys]' }).getByRole('link', { name: 'Attributes' }).click()
      await page.getByText('10.20.0.0/20').waitFor()
      await page.getByRole('link', { name: 'Whole plan' }).click()
      await page.locator('#pq').fill('bastion')
      await page.getByRole('button', { name: 'Filter' }).click()
      expect(await page.locator('#plan .res').count()).to.equal(1)

      await page.goto(`${server.url}${base}/states/41...42`)
      await page.getByText('3 objects differ').waitFor()
      await page.getByRole('link', { name: 'Roll back to 41…' }).click()
      await page.getByText('stays in your cloud unmanaged').waitFor()
      await page.getByLabel('Type net to go on').fill('net')
      await page.getByRole('button', { name: 'Roll back to 41' }).click()
      // the planned run holds the workspace
      await page.getByRole('alert').getByText('locked').waitFor()
    } finally {
      await close()
    }
  })

  it('no page breaks an accessibility rule, in both themes, wide and narrow, nor scrolls sideways', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 375]) {
        const { context, close } = await openBrowser({ colorScheme, viewport: { width, height: 900 } })
        try {
          const page = await context.newPage()
          await signIn(page, server.url, base)
          const found: string[] = []
          for (const [name, path] of Object.entries({
            run: `${base}/runs/${planned}`,
            failed: `${base}/runs/${failed}`,
            plan: `${base}/runs/${planned}/plan?open=all`,
            modules: `${base}/runs/${planned}/plan?group=module`,
            change: `${base}/runs/${planned}/changes/4`,
            log: `${base}/runs/${planned}/log/plan?q=bastion`,
            state: `${base}/states`,
            compare: `${base}/states/41...42`,
            outputs: `${base}/states/41/outputs`,
            resource: `${base}/states/42/resource?address=terraform_data.kept`,
            rollback: `${base}/states/41/rollback`,
            kill: `${base}/runs/${planned}/force-cancel`,
          })) {
            await page.goto(server.url + path)
            await page.evaluate(axe)
            const results = (await page.evaluate('axe.run()')) as {
              violations: { id: string; nodes: { html: string }[] }[]
            }
            for (const v of results.violations)
              found.push(
                `${name} ${width} ${colorScheme}: ${v.id} ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`,
              )
            const overflow = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number
            if (overflow > 0) found.push(`${name}: ${overflow} px too wide at ${width}`)
            if (process.env.SHOTS)
              await page.screenshot({
                path: `${process.env.SHOTS}/${name}-${width}-${colorScheme}.png`,
                fullPage: true,
              })
          }
          expect(found).to.deep.equal([])
        } finally {
          await close()
        }
      }
    }
  })
})
