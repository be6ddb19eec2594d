import { UniqueIntegrityConstraintViolationError } from 'slonik'
import { invalid } from './errors.ts'

const tooLong = (max: number) => invalid('name', `Name is too long (maximum is ${max} characters)`)

/**
 * A name that stands in addresses and in folders: of organizations, workspaces, agent pools, policy sets.
 * @throws problem 'invalid_attribute' for `name`
 */
export function checkName(name: string): void {
  if (name === '') throw invalid('name', "Name can't be blank")
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw invalid('name', 'Name may only contain letters, numbers, dashes (-), and underscores (_)')
  }
  if (name.length > 90) throw tooLong(90)
}

/**
 * A name that stands in no address and may have spaces within: of projects and teams.
 * @throws problem 'invalid_attribute' for `name`
 */
export function checkSpacedName(name: string, { min, max }: { min: number; max: number }): void {
  if (name === '') throw invalid('name', "Name can't be blank")
  if (!/^[A-Za-z0-9_-](?:[A-Za-z0-9 _-]*[A-Za-z0-9_-])?$/.test(name)) {
    throw invalid('name', 'Name may only contain letters, numbers, spaces, dashes (-), and underscores (_)')
  }
  if (name.length < min) throw invalid('name', `Name is too short (minimum is ${min} characters)`)
  if (name.length > max) throw tooLong(max)
}

/** What a unique index on names has refused, in words; any other error as it is. */
export const nameTaken = (error: unknown): unknown =>
  error instanceof UniqueIntegrityConstraintViolationError ? invalid('name', 'Name has already been taken') : error
