import { discovery } from './discovery.ts'
import { health } from './health.ts'
import { loginToken } from './login/token.ts'
import { organizations } from './organizations/api.ts'
import type { Route, Routes } from './route.ts'
import { tags } from './tags/api.ts'
import { tokens } from './tokens/api.ts'
import { users } from './users/api.ts'
import { workspaces } from './workspaces/api.ts'
import { workspaceLocks } from './workspaces/lock.ts'

/** Every router of the API, one a line. */
const api: Routes[] = [discovery, health, loginToken, organizations, tokens, users, workspaces, workspaceLocks, tags]

export const apiRoutes: Route[] = api.flatMap((routes) => routes.all)
