import { actions } from '../shared/permissions.ts'
import { apiRoutes } from './routes.ts'

/** `npm run routes`: method, path, action, and what the action needs. */
for (const { method, path, action } of [...apiRoutes].sort(
  (a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method),
)) {
  const need = actions[action]
  const needs = 'needs' in need ? JSON.stringify(need.needs) : ''
  console.log([method.toUpperCase().padEnd(6), path.padEnd(90), action.padEnd(26), need.on, needs].join(' ').trimEnd())
}
