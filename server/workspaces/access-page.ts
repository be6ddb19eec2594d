import { PageRoutes } from '../page-route.ts'
import { workspaceByName } from '../subjects.ts'
import { accessPages } from '../teams/access-page.ts'
import { settingsHref, settingsPath } from './settings-page.ts'

export const workspaceAccessPages = new PageRoutes()

accessPages(workspaceAccessPages, `${settingsPath}/access`, workspaceByName, {
  on: 'workspace',
  read: 'workspace:access',
  manage: 'workspace:access',
  idOf: ({ workspace }) => workspace.id,
  href: (subject) => settingsHref(subject, 'access'),
  view: 'workspaces/settings/access',
  locals: ({ workspace }) => ({ workspace }),
})
