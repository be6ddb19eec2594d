import { adminOrganizations } from './admin/organizations.ts'
import { adminPlans } from './admin/plans.ts'
import { adminRuns } from './admin/runs.ts'
import { adminSettings } from './admin/settings.ts'
import { adminSignInProviders } from './admin/sign-in-providers.ts'
import { adminToolVersions } from './admin/tool-versions.ts'
import { adminUsers } from './admin/users.ts'
import { adminWorkspaces } from './admin/workspaces.ts'
import { agentPools } from './agents/api.ts'
import { agentLeftStates } from './agents/left-states.ts'
import { agentPhases } from './agents/phases.ts'
import { agentWork } from './agents/work.ts'
import { auditTrail } from './audit/api.ts'
import { auditConfiguration } from './audit/configuration.ts'
import { configurations } from './configurations/api.ts'
import { discovery } from './discovery.ts'
import { health } from './health.ts'
import { identityKeys } from './identity/api.ts'
import { identityDiscovery } from './identity/discovery.ts'
import { loginToken } from './login/token.ts'
import { memberships } from './memberships/api.ts'
import { meta } from './meta.ts'
import { metrics } from './metrics.ts'
import { notifications } from './notifications/api.ts'
import { oauthClients } from './oauth-clients/api.ts'
import { organizations } from './organizations/api.ts'
import { phases } from './phases/api.ts'
import { planExports } from './plan-exports/api.ts'
import { policies } from './policies/api.ts'
import { policyEvaluations } from './policies/evaluations.ts'
import { policySetParameters } from './policies/parameters.ts'
import { policySets } from './policies/sets.ts'
import { projects } from './projects/api.ts'
import { gpgKeys } from './registry/gpg-keys.ts'
import { registryModules } from './registry/modules.ts'
import { modulesV1 } from './registry/modules-v1.ts'
import { noCodeModules } from './registry/no-code.ts'
import { noCodeWorkspaces } from './registry/no-code-workspaces.ts'
import { registryObjects } from './registry/objects.ts'
import { providerVersions } from './registry/provider-versions.ts'
import { registryProviders } from './registry/providers.ts'
import { providersV1 } from './registry/providers-v1.ts'
import { testRuns } from './registry/test-runs.ts'
import { testVariables } from './registry/test-variables.ts'
import { retentionPolicies } from './retention/api.ts'
import type { Route, Routes } from './route.ts'
import { runTriggers } from './run-triggers/api.ts'
import { runActionRoutes } from './runs/actions.ts'
import { runs } from './runs/api.ts'
import { discussion } from './runs/discussion.ts'
import { queue } from './runs/queue.ts'
import { signed } from './signed.ts'
import { sshKeys } from './ssh-keys/api.ts'
import { stateVersions } from './states/api.ts'
import { stateOutputs } from './states/outputs-api.ts'
import { tags } from './tags/api.ts'
import { reservedTagKeys } from './tags/reserved-keys.ts'
import { tasks } from './tasks/api.ts'
import { taskCallbacks } from './tasks/callback.ts'
import { taskStages } from './tasks/stages-api.ts'
import { teams } from './teams/api.ts'
import { grants } from './teams/grants.ts'
import { teamTokens } from './teams/tokens.ts'
import { tokens } from './tokens/api.ts'
import { tokenTtlPolicies } from './tokens/ttl-policies.ts'
import { users } from './users/api.ts'
import { variables } from './variables/api.ts'
import { varsets } from './varsets/api.ts'
import { versions } from './versions.ts'
import { workspaces } from './workspaces/api.ts'
import { remoteStateConsumers } from './workspaces/consumers.ts'
import { workspaceLocks } from './workspaces/lock.ts'

/** Every router of the API, one a line. */
const api: Routes[] = [
  configurations,
  signed,
  stateVersions,
  stateOutputs,
  queue,
  runs,
  runActionRoutes,
  runTriggers,
  discussion,
  phases,
  discovery,
  identityDiscovery,
  health,
  metrics,
  loginToken,
  organizations,
  tokens,
  tokenTtlPolicies,
  teams,
  teamTokens,
  grants,
  memberships,
  users,
  workspaces,
  workspaceLocks,
  remoteStateConsumers,
  tags,
  variables,
  projects,
  varsets,
  agentPools,
  agentWork,
  agentPhases,
  agentLeftStates,
  modulesV1,
  providersV1,
  registryObjects,
  registryModules,
  registryProviders,
  providerVersions,
  gpgKeys,
  noCodeModules,
  noCodeWorkspaces,
  testRuns,
  sshKeys,
  oauthClients,
  planExports,
  adminOrganizations,
  adminPlans,
  adminRuns,
  adminSettings,
  adminSignInProviders,
  adminToolVersions,
  adminUsers,
  adminWorkspaces,
  identityKeys,
  reservedTagKeys,
  retentionPolicies,
  meta,
  versions,
  testVariables,
  notifications,
  policies,
  policySets,
  policySetParameters,
  policyEvaluations,
  tasks,
  taskStages,
  taskCallbacks,
  auditTrail,
  auditConfiguration,
]

export const apiRoutes: Route[] = api.flatMap((routes) => routes.all)
