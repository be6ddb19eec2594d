import { aliasPages } from './alias-pages.ts'
import { consentPages } from './login/consent.ts'
import { loginPages } from './login/page.ts'
import { organizationPages } from './organizations/page.ts'
import type { PageRoute, PageRoutes } from './page-route.ts'
import { runPages } from './runs/page.ts'
import { tokenPages } from './tokens/page.ts'
import { userAdminPages } from './users/admin-page.ts'
import { accountPages } from './users/page.ts'
import { workspacePages } from './workspaces/page.ts'

/** Every router of pages, one a line. Order matters: a fixed path stands before one with a parameter. */
const all: PageRoutes[] = [
  loginPages,
  consentPages,
  tokenPages,
  accountPages,
  userAdminPages,
  organizationPages,
  workspacePages,
  runPages,
  aliasPages,
]

export const pageRoutes: PageRoute[] = all.flatMap((routes) => routes.all)
