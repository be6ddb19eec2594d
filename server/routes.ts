import { discovery } from './discovery.ts'
import { health } from './health.ts'
import { loginToken } from './login/token.ts'
import { organizations } from './organizations/api.ts'
import type { Route, Routes } from './route.ts'
import { tokens } from './tokens/api.ts'
import { users } from './users/api.ts'

/** Every router of the API, one a line. */
const api: Routes[] = [discovery, health, loginToken, organizations, tokens, users]

export const apiRoutes: Route[] = api.flatMap((routes) => routes.all)
