import type { PlanAction, PlanSummary } from '../../shared/plans/row.ts'

/** How what a plan does is named and coloured, the gravest first. */
export interface ActionLook {
  /** of the group */
  title: string
  say: string
  /** on a row */
  word: string
  /** on a chip */
  chip: string
  symbol: string
  tone: 'red' | 'plum' | 'gray' | 'amber' | 'green' | 'blue'
}

export const actionLooks: Record<PlanAction, ActionLook> = {
  destroy: { title: 'Destroyed', say: 'gone after apply', word: 'destroy', chip: 'Destroy', symbol: '−', tone: 'red' },
  replace: {
    title: 'Replaced',
    say: 'new object, the old one goes',
    word: 'replace',
    chip: 'Replace',
    symbol: '±',
    tone: 'plum',
  },
  forget: {
    title: 'Leaves the state',
    say: 'not destroyed: the object stays, unmanaged',
    word: 'forget',
    chip: 'Forget',
    symbol: '×',
    tone: 'gray',
  },
  update: { title: 'Changed in place', say: '', word: 'change', chip: 'Change', symbol: '~', tone: 'amber' },
  create: { title: 'Created', say: '', word: 'create', chip: 'Create', symbol: '+', tone: 'green' },
  import: { title: 'Imported', say: 'managed from now on', word: 'import', chip: 'Import', symbol: '←', tone: 'blue' },
  move: { title: 'Moved', say: 'only the address changes', word: 'move', chip: 'Move', symbol: '→', tone: 'gray' },
  read: { title: 'Read during apply', say: '', word: 'read', chip: 'Read', symbol: '≤', tone: 'gray' },
}

const lost: [PlanAction, string][] = [
  ['destroy', 'destroyed'],
  ['replace', 'replaced'],
]
const rest: [PlanAction, string][] = [
  ['update', 'changed'],
  ['create', 'created'],
  ['import', 'imported'],
  ['move', 'moved'],
]

export interface Decision {
  lost: string
  rest: string
  holding?: { sentence: string; rows: PlanSummary['holding']; more: number }
}

/** A plan in words, what is lost first. */
export function decisionInWords({ counts, outputs, holding, holdingCount }: PlanSummary): Decision {
  const say = (words: typeof lost) =>
    words.flatMap(([action, word]) => (counts[action] ? `${counts[action]} ${word}` : []))
  const others = say(rest)
  if (counts.forget) others.unshift(`${counts.forget} left unmanaged, not destroyed`)
  if (outputs) others.push(`${outputs} ${outputs === 1 ? 'output changes' : 'outputs change'}`)
  const gone = say(lost).join(', ')
  return {
    lost: gone,
    rest: others.join(', ') || (gone ? '' : 'only the state changes'),
    ...(holdingCount > 0 && {
      holding: {
        sentence: holdingCount === 1 ? 'One of them holds data:' : `${holdingCount} of them hold data:`,
        rows: holding,
        more: holdingCount - holding.length,
      },
    }),
  }
}
