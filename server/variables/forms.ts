import { changedNames, selectEntriesOfObject } from '../../shared/audit/history.ts'
import { problem } from '../../shared/errors.ts'
import type { Action } from '../../shared/permissions.ts'
import {
  type AuthoredVariable,
  deleteVariable,
  selectOptionalAuthoredVariable,
  type VariableOwner,
} from '../../shared/variables/queries.ts'
import { createVariable, openValue, updateVariable, type VariableInput } from '../../shared/variables/variables.ts'
import { type FormError, orDrawAgain } from '../form-error.ts'
import type { PageContext, PageRoutes } from '../page-route.ts'
import type { Context, Subject } from '../route.ts'

/** Where the forms stand: a workspace, or a variable set. */
export interface VariableFormsOf<S> {
  ownerOf(subject: S): VariableOwner
  manage: Action
  /** Page with the list, to go back to. */
  listPath(subject: S): string
  /** `workspace net`, `set aws defaults`: in sentences. */
  nameOf(subject: S): string
  /** What the view needs for crumbs and tabs. */
  locals(subject: S): Record<string, unknown>
}

const blank = { key: '', value: '', description: '', category: 'terraform', hcl: false, sensitive: false }

/** Forms to add, change and delete one variable below `path`: the same for a workspace and a set. */
export function variableForms<S extends Subject>(
  routes: PageRoutes,
  path: string,
  subject: (ctx: Context) => Promise<S>,
  of: VariableFormsOf<S>,
): void {
  const options = { action: of.manage, subject }
  type FormContext = PageContext & { subject: S }

  const draw = async (ctx: FormContext, variable: AuthoredVariable | null, more: Record<string, unknown> = {}) =>
    ctx.render('variables/edit', {
      ...of.locals(ctx.subject),
      variable,
      // the value of a sensitive variable never comes back
      values: variable
        ? { ...variable, value: variable.sensitive ? '' : openValue(ctx.app, variable) }
        : { ...blank, category: ctx.ask('category') === 'env' ? 'env' : 'terraform', key: ctx.ask('key') },
      listPath: of.listPath(ctx.subject),
      owner: of.nameOf(ctx.subject),
      history: variable ? await history(ctx, variable) : [],
      error: null,
      ...more,
    })

  const found = async (ctx: FormContext) => {
    const variable = await selectOptionalAuthoredVariable(ctx.app.db, of.ownerOf(ctx.subject), ctx.params.variable_id!)
    if (!variable) throw problem('not_found')
    return variable
  }

  const again = (ctx: FormContext, variable: AuthoredVariable | null, input: Filled) => (error: FormError) => {
    const text =
      error.field === 'key' && error.text.includes('taken')
        ? `The key ${input.key} exists already in ${of.nameOf(ctx.subject)}. Choose another key, or change that one.`
        : error.text
    const values = { ...input, value: input.sensitive || variable?.sensitive ? '' : (input.value ?? '') }
    return draw(ctx, variable, { values, error: { ...error, text } })
  }

  routes.get(`${path}/new`, options, (ctx) => draw(ctx, null))

  routes.post(`${path}/new`, options, async (ctx) => {
    const input = { ...filled(ctx), value: ctx.form.text('value') }
    await orDrawAgain(
      ctx,
      async () => {
        await ctx.app.db.transaction((tx) =>
          createVariable(ctx.app, tx, of.ownerOf(ctx.subject), input, ctx.session!.user_id),
        )
        ctx.redirect(of.listPath(ctx.subject), { tone: 'green', text: `Added ${input.key}. The next run uses it.` })
      },
      again(ctx, null, input),
    )
  })

  routes.get(`${path}/:variable_id`, options, async (ctx) => draw(ctx, await found(ctx)))

  routes.post(`${path}/:variable_id`, options, async (ctx) => {
    const variable = await found(ctx)
    const value = changedValue(ctx, variable)
    const input = { ...filled(ctx), ...(value !== undefined && { value }) }
    if (variable.sensitive) input.sensitive = true
    await orDrawAgain(
      ctx,
      async () => {
        await ctx.app.db.transaction((tx) =>
          updateVariable(ctx.app, tx, of.ownerOf(ctx.subject), variable.id, input, ctx.session!.user_id),
        )
        ctx.redirect(of.listPath(ctx.subject), { tone: 'green', text: `Saved ${input.key}. The next run uses it.` })
      },
      again(ctx, variable, { ...input, value: input.value ?? ctx.form.text('value') }),
    )
  })

  routes.post(`${path}/:variable_id/delete`, options, async (ctx) => {
    const variable = await found(ctx)
    await deleteVariable(ctx.app.db, of.ownerOf(ctx.subject), variable.id)
    ctx.redirect(of.listPath(ctx.subject), {
      tone: 'green',
      text: `Deleted ${variable.key} from ${of.nameOf(ctx.subject)}.`,
    })
  })
}

const HISTORY = 20

/** Who changed what of it: names of attributes only, as values may be secret. */
async function history({ app }: PageContext, variable: AuthoredVariable) {
  const entries = await selectEntriesOfObject(app.db, variable.id, HISTORY)
  return entries.map((e) => ({ ...e, what: e.action === 'create' ? [] : changedNames(e) }))
}

type Filled = VariableInput & { key: string; sensitive: boolean }

const filled = ({ form }: PageContext): Filled => ({
  key: form.line('key'),
  description: form.line('description'),
  category: form.line('category') === 'env' ? 'env' : 'terraform',
  hcl: form.has('hcl'),
  sensitive: form.has('sensitive'),
})

/**
 * The value of the form, when it differs from the stored one. An empty field of a sensitive variable leaves it as it
 * is; line ends alone, which browsers rewrite, are no change.
 */
function changedValue({ app, form }: PageContext, variable: AuthoredVariable): string | undefined {
  const value = form.text('value')
  if (variable.sensitive) return value === '' ? undefined : value
  return openValue(app, variable).replaceAll('\r\n', '\n') === value ? undefined : value
}
