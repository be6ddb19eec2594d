import type { Page as Tab } from 'playwright-core'
import { password } from './web.ts'

export const themes = ['light', 'dark'] as const
export const widths = [1280, 375] as const

/** What the tab's console has said of errors since. */
export function consoleErrors(tab: Tab): string[] {
  const found: string[] = []
  tab.on('console', (m) => m.type() === 'error' && found.push(`${tab.url()}: ${m.text()}`))
  tab.on('pageerror', (e) => found.push(`${tab.url()}: ${e.message}`))
  return found
}

export async function signIn(tab: Tab, url: string, path = '/app', login = 'mira'): Promise<void> {
  await tab.goto(`${url}/app/login?return_to=${encodeURIComponent(path)}`)
  await tab.getByLabel('Username or e-mail address').fill(login)
  await tab.getByLabel('Password').fill(password)
  await tab.getByRole('button', { name: 'Sign in' }).click()
  await tab.waitForURL(url + path)
}

/** The open page in each theme and at each width, without loading it again. */
export async function inEveryLook(tab: Tab, look: (name: { theme: string; width: number }) => Promise<void>) {
  for (const theme of themes) {
    await tab.emulateMedia({ colorScheme: theme })
    for (const width of widths) {
      await tab.setViewportSize({ width, height: 900 })
      await look({ theme, width })
    }
  }
}
