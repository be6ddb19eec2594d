import {
  type Action,
  actions,
  atLeastProject,
  type Need,
  projectLevels,
  projectRoleInWorkspaces,
  satisfies,
  workspaceRoles,
} from '../shared/permissions.ts'

/** `docs/permissions.md`: the permission table for people. */
export function permissionsDocument(): string {
  const of = (on: Need['on']) => (Object.keys(actions) as Action[]).filter((action) => actions[action].on === on)
  const table = (head: readonly string[], rows: readonly string[][]): string =>
    [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  const yes = (may: boolean) => (may ? 'yes' : '')

  const workspaceHeads = Object.keys(workspaceRoles)
  const projectHeads = projectLevels.filter((level) => level !== 'none')
  const workspace = of('workspace').map((action) => {
    const need = actions[action] as Extract<Need, { on: 'workspace' }>
    return [
      `\`${action}\``,
      ...Object.values(workspaceRoles).map((grants) => yes(satisfies(grants, need.needs))),
      ...projectHeads.map((level) => yes(satisfies(projectRoleInWorkspaces[level]!, need.needs))),
      Object.entries(need.needs)
        .map(([right, level]) => (level === true ? right : `${right}: ${level}`))
        .join(', ') || 'any',
      need.notByOrganizationToken ? 'no' : 'yes',
    ]
  })
  const project = of('project').map((action) => {
    const need = actions[action] as Extract<Need, { on: 'project' }>
    return [`\`${action}\``, ...projectHeads.map((level) => yes(atLeastProject(level, need.needs)))]
  })
  const organization = of('organization').map((action) => {
    const { needs } = actions[action] as Extract<Need, { on: 'organization' }>
    const who = { member: 'every member', owner: 'owners' }[needs as string] ?? `owners, teams with \`${needs}\``
    return [`\`${action}\``, who]
  })
  const names = (on: Need['on']) =>
    of(on)
      .map((action) => `\`${action}\``)
      .join(', ')

  return `# Who may do what

Printed from [shared/permissions.ts](../shared/permissions.ts): \`npm run -s docs:permissions > docs/permissions.md\`.
Routes, pages and the \`permissions\` of documents read the same table. What a caller may not see answers 404, as if it
did not exist; what they see but may not do answers 403.

Of several teams the stronger right counts, right by right. Owners of an organization and site admins may do everything
below. A team token acts as its team. An organization token acts as an owner who neither uploads configurations, starts
or decides runs, nor writes state. An audit-trail token reads the audit trail (\`audit:read\`) and nothing else. The
token of a running plan or apply reads its own workspace's state, the state that other workspaces share with it, and
modules and providers. An agent's token takes work of its pool.

## Workspaces

By role on the workspace, then by role on its project. A custom role holds the rights of the column "needs" one by one.

${table(['action', ...workspaceHeads, ...projectHeads.map((h) => `project ${h}`), 'needs', 'organization token'], workspace)}

## Projects

\`manage-projects\` counts as admin on every project, \`manage-workspaces\` as maintain, \`read-projects\` as read.

${table(['action', ...projectHeads], project)}

## Organizations

${table(['action', 'who'], organization)}

## Others

| who | actions |
| --- | --- |
| anybody; the route proves its caller in another way or tells nothing | ${names('anyone')} |
| every person, team token and organization token | ${names('account')} |
| site admins | ${names('site')} |
| agents, with the token of their pool or of the phase they hold | ${names('agent')} |
`
}

// `npm run -s docs:permissions`
if (import.meta.main) process.stdout.write(permissionsDocument())
