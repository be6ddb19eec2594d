import { Problem } from '../shared/errors.ts'
import type { PageContext } from './page-route.ts'

/** Why a form was refused. `field` is the name of the field it is about; '' for the form as a whole. */
export interface FormError {
  field: string
  text: string
}

/** Refusals that a person can answer by typing something else, or that they should read beside what they typed. */
const shown = [403, 409, 422]

/** Does it, or draws the form again with what was typed and the reason why not. */
export async function orDrawAgain(
  ctx: PageContext,
  act: () => Promise<unknown>,
  draw: (error: FormError) => Promise<unknown>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Problem) || !shown.includes(error.status)) throw error
    ctx.koa.status = error.status
    await draw({ field: error.pointer?.split('/').at(-1) ?? '', text: error.detail })
  }
}

/** What a view says at a field; '' when the error is about another one. Some forms keep a text of their own. */
export const errorAt = (error: FormError | string | null | undefined, name: string): string =>
  typeof error === 'object' && error?.field === name ? error.text : ''
