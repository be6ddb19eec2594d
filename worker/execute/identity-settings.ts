import type { AskedIdentity } from '../../shared/identity/asked.ts'
import type { PhaseWork } from '../../shared/phase.ts'
import { PhaseFailure } from './failure.ts'

/** The setting for this phase, else the one for the whole run. @throws PhaseFailure when there is neither */
export function ofPhase(
  work: Pick<PhaseWork, 'phase'>,
  asked: Pick<AskedIdentity, 'provider' | 'tag' | 'setting'>,
  name: string,
): string {
  const value = asked.setting(`${work.phase.toUpperCase()}_${name}`) ?? asked.setting(`RUN_${name}`)
  if (value === undefined) throw new PhaseFailure(`Set the environment variable ${named(asked, `RUN_${name}`)}.`)
  if (/[\x00-\x1f]/.test(value)) throw new PhaseFailure(`${named(asked, `RUN_${name}`)} holds a control character.`)
  return value
}

/** How a setting is called as an environment variable of the workspace. */
export const named = ({ provider, tag }: Pick<AskedIdentity, 'provider' | 'tag'>, name: string): string =>
  `TFC_${provider.toUpperCase()}_${name}${tag ? `_${tag}` : ''}`
