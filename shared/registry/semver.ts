import { z } from 'zod'
import { compareVersions, parseVersion } from '../engines/constraints.ts'

const numeric = '(?:0|[1-9]\\d{0,8})'
const semver = new RegExp(`^${numeric}\\.${numeric}\\.${numeric}(?:-[0-9A-Za-z.-]{1,64})?(?:\\+[0-9A-Za-z.-]{1,64})?$`)

/** A version as registries list it: `1.2.3`, `1.2.3-beta.1+build`; never with a leading `v`. */
export const VersionText = z
  .string("can't be blank")
  .regex(semver, 'is not a version such as 1.2.3, without a leading v')

const parsed = (text: string) => parseVersion(text.replace(/\+.*$/, ''))

/** For sorting, newest first. */
export function newerFirst(a: { version: string }, b: { version: string }): number {
  const [one, other] = [parsed(a.version), parsed(b.version)]
  return one && other ? compareVersions(other, one) || b.version.localeCompare(a.version) : 0
}
