import { PageRoutes } from './page-route.ts'
import { runOfPath } from './runs/path.ts'
import { runPath } from './runs/view.ts'
import { workspaceByName } from './subjects.ts'

/**
 * Addresses without the word `workspaces`, as terraform and tofu print them and as people shorten them. They stand
 * last: a workspace may have the name of a page.
 */
export const aliasPages = new PageRoutes()

const workspace = '/app/:organization_name/:workspace_name'

aliasPages.get(`${workspace}/runs/:run_id`, { action: 'run:read', subject: runOfPath }, async (ctx) =>
  ctx.redirect(runPath(ctx.subject.run)),
)

for (const rest of ['', '/runs', '/variables']) {
  aliasPages.get(`${workspace}${rest}`, { action: 'workspace:read', subject: workspaceByName }, async (ctx) => {
    const { organization_name, name } = ctx.subject.workspace
    ctx.redirect(`/app/${organization_name}/workspaces/${name}${rest}`)
  })
}
