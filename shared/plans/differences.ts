export type Step = { op: '='; before: number; after: number } | { op: '-'; before: number } | { op: '+'; after: number }

/** Above this many comparisons lists are compared place by place: the table of the exact answer would be too large. */
const EXACT_LIMIT = 1_000_000

/** How one list becomes another: the longest common part is kept, what goes stands before what comes. */
export function differences(before: readonly string[], after: readonly string[]): Step[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let tail = 0
  while (
    tail < before.length - start &&
    tail < after.length - start &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++
  const kept = (from: number, count: number, shift: number): Step[] =>
    Array.from({ length: count }, (_, i) => ({ op: '=', before: from + i, after: from + i + shift }))
  const middle = between(before.slice(start, before.length - tail), after.slice(start, after.length - tail))
  return [
    ...kept(0, start, 0),
    ...middle.map((step): Step => {
      if (step.op === '=') return { op: '=', before: step.before + start, after: step.after + start }
      return step.op === '-' ? { op: '-', before: step.before + start } : { op: '+', after: step.after + start }
    }),
    ...kept(before.length - tail, tail, after.length - before.length),
  ]
}

function between(before: readonly string[], after: readonly string[]): Step[] {
  const width = after.length + 1
  if (before.length * after.length > EXACT_LIMIT) return byPlace(before, after)
  const longest = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        before[i] === after[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!)
    }
  }
  const steps: Step[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j])
      steps.push({ op: '=', before: i++, after: j++ })
    else if (i < before.length && (j === after.length || longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!))
      steps.push({ op: '-', before: i++ })
    else steps.push({ op: '+', after: j++ })
  }
  return steps
}

function byPlace(before: readonly string[], after: readonly string[]): Step[] {
  const steps: Step[] = []
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    if (i < before.length && before[i] === after[i]) steps.push({ op: '=', before: i, after: i })
    else {
      if (i < before.length) steps.push({ op: '-', before: i })
      if (i < after.length) steps.push({ op: '+', after: i })
    }
  }
  return steps
}
