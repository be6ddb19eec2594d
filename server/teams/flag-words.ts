import type { OrganizationFlag } from '../../shared/permissions.ts'

/** What a right over the whole organization allows, in words. */
export const flagWords: Record<OrganizationFlag, string> = {
  'manage-workspaces': 'Make, change and delete every workspace, run and apply in it',
  'manage-projects': 'Make, change and delete every project',
  'read-workspaces': 'See every workspace',
  'read-projects': 'See every project',
  'manage-policies': 'Make and change policies',
  'manage-policy-overrides': 'Override failed policies',
  'delegate-policy-overrides': 'Let others override failed policies',
  'manage-vcs-settings': 'Connect Git hosts',
  'manage-modules': 'Publish and delete modules',
  'manage-providers': 'Publish and delete providers',
  'manage-run-tasks': 'Set up run tasks',
  'manage-membership': 'Invite and remove people, fill teams',
  'manage-teams': 'Make, change and delete teams',
  'manage-organization-access': 'Give rights such as these to teams',
  'access-secret-teams': 'See secret teams',
  'manage-agent-pools': 'Make agent pools and their tokens',
  'manage-public-modules': 'Add public modules',
  'manage-public-providers': 'Add public providers',
}
