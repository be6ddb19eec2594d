import type { Tx } from '../../db/pool.ts'
import { invalid } from '../../shared/errors.ts'
import {
  deleteRetentionPolicy,
  type RetentionOwner,
  selectOptionalRetentionPolicy,
  setRetentionPolicy,
} from '../../shared/retention/policies.ts'
import type { Form } from '../form.ts'
import { numberOf } from '../number-of.ts'

/** How long data is kept, as forms say it: '' follows what is above (or nothing), 'forever', or 'days'. */
export interface RetentionChoice {
  keep: string
  days: string
}

export async function retentionChoice(tx: Tx, of: RetentionOwner): Promise<RetentionChoice> {
  const policy = await selectOptionalRetentionPolicy(tx, of)
  if (!policy) return { keep: '', days: '' }
  return policy.days === null ? { keep: 'forever', days: '' } : { keep: 'days', days: String(policy.days) }
}

export const retentionOfForm = (form: Form): RetentionChoice => ({ keep: form.line('keep'), days: form.line('days') })

/** @throws problem 'invalid_attribute' */
export async function saveRetention(tx: Tx, of: RetentionOwner, form: Form): Promise<void> {
  const keep = form.line('keep')
  if (keep === 'forever') await setRetentionPolicy(tx, of, null)
  else if (keep === 'days') {
    const days = numberOf(form, 'days', { min: 1, max: 36_500 })
    if (days === null) throw invalid('days', 'Say after how many days old data goes.')
    await setRetentionPolicy(tx, of, days)
  } else await deleteRetentionPolicy(tx, of)
}
