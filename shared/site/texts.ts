import type { App } from '../app.ts'
import { readSiteSettings } from './settings.ts'

/** What site admins add to the pages, as plain text: markup is taken out, so that nobody has to trust it. */
export interface SiteTexts {
  supportEmail: string
  loginHelp: string
  newUser: string
  footer: string
  error: string
}

const READ_EVERY_MS = 5000
const known = new WeakMap<App, { readAt: number; texts: Promise<SiteTexts> }>()

const plain = (html: string): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim()

async function read(app: App): Promise<SiteTexts> {
  const s = await readSiteSettings(app, 'customization')
  return {
    supportEmail: s['support-email-address'],
    loginHelp: plain(s['login-help']),
    newUser: plain(s['new-user']),
    footer: plain(s.footer),
    error: plain(s.error),
  }
}

const none: SiteTexts = { supportEmail: '', loginHelp: '', newUser: '', footer: '', error: '' }

/** At most five seconds old. A page without them is better than none: a failure to read is no text. */
export function siteTexts(app: App): Promise<SiteTexts> {
  const now = Date.now()
  const last = known.get(app)
  if (last && now - last.readAt < READ_EVERY_MS) return last.texts
  const texts = read(app).catch((error: Error) => {
    app.log.warn({ err: error.message }, 'the texts of the site could not be read')
    return none
  })
  known.set(app, { readAt: now, texts })
  return texts
}
