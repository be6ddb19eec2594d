import { userIdOf } from '../../shared/access/actor.ts'
import { problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import {
  deleteVariable,
  selectOptionalVariable,
  selectVariables,
  type VariableOwner,
} from '../../shared/variables/queries.ts'
import { createVariable, updateVariable, VariableInput } from '../../shared/variables/variables.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import type { Context, Routes, Subject } from '../route.ts'
import { variable } from './json.ts'

/** A value of 256 KiB, each character escaped. */
const MAX_BODY = 2 * 1024 * 1024

/** The five routes of variables below `path`: the same for a workspace's and a set's. */
export function variableRoutes<S extends Subject>(
  routes: Routes,
  path: string,
  subject: (ctx: Context) => Promise<S>,
  ownerOf: (subject: S) => VariableOwner,
  actions: { read: Action; manage: Action },
): void {
  routes.get(path, { action: actions.read, subject }, async (ctx) => {
    const page = ctx.query['page[number]'] || ctx.query['page[size]'] ? pageOf(ctx) : null
    const { rows, totalCount } = await selectVariables(ctx.app.db, ownerOf(ctx.subject), page)
    return many(variable, rows, ctx, page ? { page, totalCount } : undefined)
  })

  routes.post(
    path,
    { action: actions.manage, subject, attributes: VariableInput, maxBodyBytes: MAX_BODY, answers: 201 },
    async (ctx) => {
      const { app, input } = ctx
      const created = await app.db.transaction((tx) =>
        createVariable(app, tx, ownerOf(ctx.subject), input.attributes, userIdOf(ctx.actor)),
      )
      return one(variable, created, ctx)
    },
  )

  routes.get(`${path}/:variable_id`, { action: actions.read, subject }, async (ctx) => {
    const found = await selectOptionalVariable(ctx.app.db, ownerOf(ctx.subject), ctx.params.variable_id!)
    if (!found) throw problem('not_found')
    return one(variable, found, ctx)
  })

  routes.patch(
    `${path}/:variable_id`,
    { action: actions.manage, subject, attributes: VariableInput, maxBodyBytes: MAX_BODY },
    async (ctx) => {
      const { app, input } = ctx
      const id = ctx.params.variable_id!
      const updated = await app.db.transaction((tx) =>
        updateVariable(app, tx, ownerOf(ctx.subject), id, input.attributes, userIdOf(ctx.actor)),
      )
      return one(variable, updated, ctx)
    },
  )

  routes.delete(`${path}/:variable_id`, { action: actions.manage, subject }, async (ctx) => {
    const { rowCount } = await deleteVariable(ctx.app.db, ownerOf(ctx.subject), ctx.params.variable_id!)
    if (rowCount === 0) throw problem('not_found')
  })
}
