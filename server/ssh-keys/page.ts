import { invalid, problem } from '../../shared/errors.ts'
import {
  deleteSshKey,
  insertSshKey,
  isPrivateKey,
  selectOptionalSshKey,
  selectSshKeysPage,
} from '../../shared/ssh-keys/ssh-keys.ts'
import { orDrawAgain } from '../form-error.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type PageContext, PageRoutes } from '../page-route.ts'
import { type OrganizationSubject, organizationByName } from '../subjects.ts'

export const sshKeyPages = new PageRoutes()

const path = '/app/:organization_name/settings/ssh-keys'
const options = { action: 'ssh-key:manage', subject: organizationByName } as const

async function draw(ctx: PageContext & { subject: OrganizationSubject }, more: Record<string, unknown> = {}) {
  const { organization } = ctx.subject
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectSshKeysPage(ctx.app.db, organization.id, page)
  await ctx.render('organizations/ssh-keys', {
    organization,
    keys: rows,
    totalCount,
    page,
    name: '',
    error: null,
    ...more,
  })
}

sshKeyPages.get(path, options, (ctx) => draw(ctx))

sshKeyPages.post(path, options, async (ctx) => {
  const { app, form, subject } = ctx
  const { organization } = subject
  const name = form.line('name')
  const value = form.text('value')
  await orDrawAgain(
    ctx,
    async () => {
      if (name.length > 255) throw invalid('name', 'A name has at most 255 characters.')
      if (value.length > 65_536 || !isPrivateKey(value))
        throw invalid('value', 'That is not a private key: it begins with -----BEGIN … PRIVATE KEY-----.')
      await insertSshKey(app, app.db, organization.id, { name, value })
      ctx.redirect(`/app/${organization.name}/settings/ssh-keys`, {
        tone: 'green',
        text: `Added ${name}. It is not shown again.`,
      })
    },
    // the key itself never comes back
    (error) => draw(ctx, { name, error }),
  )
})

sshKeyPages.post(`${path}/:ssh_key_id/delete`, options, async (ctx) => {
  const { organization } = ctx.subject
  const key = await selectOptionalSshKey(ctx.app.db, ctx.params.ssh_key_id!)
  if (key?.organization_id !== organization.id) throw problem('not_found')
  await deleteSshKey(ctx.app.db, key.id)
  ctx.redirect(`/app/${organization.name}/settings/ssh-keys`, {
    tone: 'green',
    text: `Deleted ${key.name}. Workspaces that used it have none now.`,
  })
})
