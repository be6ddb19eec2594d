import type { Tx } from '../../db/pool.ts'
import { invalid } from '../../shared/errors.ts'
import { insertToken, type NewToken } from '../../shared/tokens/tokens.ts'
import type { PageContext } from '../page-route.ts'

const DAY_MS = 86_400_000
const lives = [7, 30, 90, 365]

/** When a token ends whose life was chosen in a form; anything else than the choices is no end. */
export const chosenEnd = (ctx: PageContext): Date | null => {
  const days = Number(ctx.form.line('days'))
  return lives.includes(days) ? new Date(ctx.app.now().getTime() + days * DAY_MS) : null
}

/** Makes the token that a form asks for. Its text is for this one answer. @throws problem 'invalid_attribute' */
export async function tokenOfForm(
  ctx: PageContext,
  token: Omit<NewToken, 'expiredAt' | 'createdBy' | 'description'>,
  tx: Tx = ctx.app.db,
): Promise<{ id: string; token: string; description: string }> {
  const description = ctx.form.line('description')
  if (description === '' || description.length > 200)
    throw invalid('description', 'Say what the token is for, in at most 200 characters.')
  const made = await insertToken(tx, {
    ...token,
    description,
    createdBy: ctx.session!.user_id,
    expiredAt: chosenEnd(ctx),
  })
  return { ...made, description }
}
