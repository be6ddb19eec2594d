import { adminPages } from './admin/page.ts'
import { signInProviderPages } from './admin/sign-in-providers-page.ts'
import { agentPages } from './agents/page.ts'
import { aliasPages } from './alias-pages.ts'
import { auditPages } from './audit/page.ts'
import { explorerPages } from './explorer/page.ts'
import { identityPages } from './identity/page.ts'
import { consentPages } from './login/consent.ts'
import { loginPages } from './login/page.ts'
import { providerPages } from './login/provider-page.ts'
import { membershipPages } from './memberships/page.ts'
import { notificationPages } from './notifications/page.ts'
import { organizationLimitPages } from './organizations/limits-page.ts'
import { organizationOverviewPages } from './organizations/overview-page.ts'
import { organizationPages } from './organizations/page.ts'
import { organizationSettingsPages } from './organizations/settings-page.ts'
import type { PageRoute, PageRoutes } from './page-route.ts'
import { policyPages } from './policies/page.ts'
import { policySetPages } from './policies/set-page.ts'
import { projectPages } from './projects/page.ts'
import { queuePages } from './queue/page.ts'
import { registryPages } from './registry/page.ts'
import { runTriggerPages } from './run-triggers/page.ts'
import { logPages } from './runs/log-page.ts'
import { organizationRunPages } from './runs/organization-page.ts'
import { runPages } from './runs/page.ts'
import { planPages } from './runs/plan-page.ts'
import { searchPages } from './search/page.ts'
import { sshKeyPages } from './ssh-keys/page.ts'
import { statePages } from './states/page.ts'
import { taskPages } from './tasks/page.ts'
import { workspaceTaskPages } from './tasks/workspace-page.ts'
import { teamPages } from './teams/page.ts'
import { tokenPages } from './tokens/page.ts'
import { userAdminPages } from './users/admin-page.ts'
import { accountPages } from './users/page.ts'
import { variablePages } from './variables/page.ts'
import { varsetPages } from './varsets/page.ts'
import { workspaceAccessPages } from './workspaces/access-page.ts'
import { workspaceLifetimePages } from './workspaces/lifetime-page.ts'
import { workspaceListPages } from './workspaces/list-page.ts'
import { workspacePages } from './workspaces/page.ts'
import { workspaceSettingsPages } from './workspaces/settings-page.ts'
import { workspaceSharingPages } from './workspaces/sharing-page.ts'

/** Every router of pages, one a line. Order matters: a fixed path stands before one with a parameter. */
const all: PageRoutes[] = [
  loginPages,
  providerPages,
  consentPages,
  tokenPages,
  accountPages,
  userAdminPages,
  adminPages,
  signInProviderPages,
  identityPages,
  searchPages,
  organizationPages,
  workspaceListPages,
  workspacePages,
  workspaceSettingsPages,
  workspaceSharingPages,
  workspaceLifetimePages,
  workspaceAccessPages,
  runTriggerPages,
  notificationPages,
  workspaceTaskPages,
  variablePages,
  queuePages,
  organizationOverviewPages,
  organizationRunPages,
  projectPages,
  varsetPages,
  teamPages,
  membershipPages,
  agentPages,
  registryPages,
  explorerPages,
  auditPages,
  organizationSettingsPages,
  organizationLimitPages,
  sshKeyPages,
  taskPages,
  policyPages,
  policySetPages,
  runPages,
  planPages,
  logPages,
  statePages,
  aliasPages,
]

export const pageRoutes: PageRoute[] = all.flatMap((routes) => routes.all)
