import { problem } from '../../shared/errors.ts'
import { ClaimLost } from '../../shared/phase.ts'

/** A lost claim is 410 to an agent: it stops its engine and reports nothing more. */
export async function lostAsGone<T>(write: Promise<T>): Promise<T> {
  try {
    return await write
  } catch (error) {
    if (error instanceof ClaimLost) throw problem('gone', 'The claim on this phase is lost.')
    throw error
  }
}
