import { createTransport } from 'nodemailer'
import type { App } from './app.ts'
import { readSiteSettings } from './site/settings.ts'

const TIMEOUT_MS = 10_000

/** @throws Error with a sentence: no mail server is set up, or it did not take the message */
export async function sendMail(app: App, mail: { to: string[]; subject: string; text: string }): Promise<void> {
  const { url, from } = await mailServer(app)
  for (const name of ['connectionTimeout', 'greetingTimeout', 'socketTimeout'])
    url.searchParams.set(name, String(TIMEOUT_MS))
  const transport = createTransport(url.href)
  try {
    await transport.sendMail({ from, to: mail.to, subject: mail.subject, text: mail.text })
  } catch (error) {
    // nodemailer's message may hold the server's address and user
    throw new Error(`The mail server did not take the message (${(error as { code?: string }).code ?? 'no code'}).`)
  } finally {
    transport.close()
  }
}

/** The mail server of the site settings, when site admins switched it on, else that of the environment. */
async function mailServer(app: App): Promise<{ url: URL; from: string }> {
  const smtp = await readSiteSettings(app, 'smtp')
  if (!smtp.enabled) {
    const { smtpUrl, smtpFrom } = app.config
    if (!smtpUrl) throw new Error('E-mail is not set up on this server (TOFUTF_SMTP_URL, or the SMTP settings).')
    return { url: new URL(smtpUrl), from: smtpFrom }
  }
  const url = new URL(`${smtp.port === 465 ? 'smtps' : 'smtp'}://mail.invalid`)
  url.hostname = smtp.host
  url.port = String(smtp.port)
  if (smtp.auth !== 'none') {
    url.username = smtp.username
    url.password = smtp.password
    url.searchParams.set('authMethod', smtp.auth.toUpperCase())
  }
  return { url, from: smtp.sender }
}
