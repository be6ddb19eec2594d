import { invalid } from '../shared/errors.ts'
import type { Form } from './form.ts'

/** A whole number of a form's field. null: the field is empty. @throws problem 'invalid_attribute' */
export function numberOf(form: Form, name: string, { min, max }: { min: number; max: number }): number | null {
  const text = form.line(name)
  if (text === '') return null
  const n = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= min && n <= max))
    throw invalid(
      name,
      `A whole number from ${min.toLocaleString('en-US')} to ${max.toLocaleString('en-US')} is expected.`,
    )
  return n
}

/** @throws problem 'invalid_attribute' when the field is empty or no such number */
export function requiredNumber(form: Form, name: string, range: { min: number; max: number }): number {
  const n = numberOf(form, name, range)
  if (n === null) throw invalid(name, 'A number is required.')
  return n
}
