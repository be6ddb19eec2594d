import { readFile, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ChangeCounts } from '../../shared/phase.ts'
import { fileVersion } from './state-snapshot.ts'
import type { Phase } from './step.ts'
import { stateBeforePath } from './workdir.ts'

/** Two states of this size are compared; of bigger ones the numbers of a partial apply stay 0. */
const MAX_BYTES = 8 * 1024 * 1024

interface StateFile {
  resources?: {
    module?: string
    mode: string
    type: string
    name: string
    instances?: { index_key?: unknown; attributes?: { id?: unknown }; deposed?: string }[]
  }[]
}

type Instance = NonNullable<NonNullable<StateFile['resources']>[number]['instances']>[number]

/** What a partial apply did, as far as the states before and after prove it. */
export async function countStateChanges(phase: Phase): Promise<ChangeCounts> {
  const [before, after] = await Promise.all([read(stateBeforePath(phase.dir)), read(phase.stateFile)])
  return compareStates(before, after)
}

/** A managed instance with another id was replaced: one addition and one destruction. */
export function compareStates(before: StateFile, after: StateFile): ChangeCounts {
  const counts = { additions: 0, changes: 0, destructions: 0, imports: 0 }
  const [old, now] = [instances(before), instances(after)]
  for (const [address, instance] of now) {
    const was = old.get(address)
    const isReplaced = was && !isDeepStrictEqual(was.attributes?.id, instance.attributes?.id)
    if (!was || isReplaced) counts.additions++
    if (isReplaced) counts.destructions++
    else if (was && !isDeepStrictEqual(was.attributes, instance.attributes)) counts.changes++
  }
  for (const address of old.keys()) if (!now.has(address)) counts.destructions++
  return counts
}

function instances(state: StateFile): Map<string, Instance> {
  const found = new Map<string, Instance>()
  for (const { mode, module, type, name, instances = [] } of state.resources ?? []) {
    if (mode !== 'managed') continue
    for (const instance of instances) {
      found.set(JSON.stringify([module, type, name, instance.index_key, instance.deposed]), instance)
    }
  }
  return found
}

async function read(path: string): Promise<StateFile> {
  if (!(await fileVersion(path)) || (await stat(path)).size > MAX_BYTES) return {}
  return JSON.parse(await readFile(path, 'utf8'))
}
