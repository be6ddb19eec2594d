import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The browser that is installed; undefined when there is none. `npm test` says which by TEST_CHROMIUM. */
export const browserPath = (): string | undefined =>
  process.env.TEST_CHROMIUM ?? places.find((path) => existsSync(path))

/** A browser with an empty profile of its own. Close it with `close`. */
export async function openBrowser(
  options: Pick<BrowserContextOptions, 'javaScriptEnabled' | 'colorScheme' | 'viewport'> = {},
): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const executablePath = browserPath()
  if (!executablePath) throw new Error('no chromium is installed')
  const profile = await mkdtemp(join(tmpdir(), 'tofutf-browser-'))
  const context = await chromium.launchPersistentContext(profile, {
    ...options,
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  context.setDefaultTimeout(10_000)
  return {
    context,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
