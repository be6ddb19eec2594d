/** Versions and version constraints as terraform writes them: `1.11.4`, `~> 1.10.0`, `>= 1.5, < 2.0`. */
export interface Version {
  numbers: [number, number, number]
  prerelease: string
}

const exact = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]{1,64}))?$/

export function parseVersion(text: string): Version | null {
  const found = exact.exec(text.trim())
  if (!found) return null
  return { numbers: [Number(found[1]), Number(found[2] ?? 0), Number(found[3] ?? 0)], prerelease: found[4] ?? '' }
}

/** Below zero when a is older. A pre-release is older than its release; pre-releases compare part by part. */
export function compareVersions(a: Version, b: Version): number {
  for (const i of [0, 1, 2] as const) {
    if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] - b.numbers[i]
  }
  if (a.prerelease === b.prerelease) return 0
  if (a.prerelease === '') return 1
  if (b.prerelease === '') return -1
  return a.prerelease.localeCompare(b.prerelease, 'en', { numeric: true })
}

type Term = (version: Version) => boolean

const operators: Record<string, (bound: Version, parts: number) => Term> = {
  '=': (bound) => (v) => compareVersions(v, bound) === 0,
  '!=': (bound) => (v) => compareVersions(v, bound) !== 0,
  '>': (bound) => (v) => compareVersions(v, bound) > 0,
  '>=': (bound) => (v) => compareVersions(v, bound) >= 0,
  '<': (bound) => (v) => compareVersions(v, bound) < 0,
  '<=': (bound) => (v) => compareVersions(v, bound) <= 0,
  // only the last part that was written may grow
  '~>': (bound, parts) => (v) =>
    compareVersions(v, bound) >= 0 &&
    bound.numbers.slice(0, Math.max(1, parts - 1)).every((number, i) => v.numbers[i] === number),
}

/** null when the text is not a constraint. A pre-release satisfies only a constraint that names one. */
export function parseConstraint(text: string): Term | null {
  const terms: Term[] = []
  let namesPrerelease = false
  for (const part of text.split(',')) {
    const found = /^\s*(=|!=|>=|<=|>|<|~>)?\s*(\S+)\s*$/.exec(part)
    const bound = found && parseVersion(found[2]!)
    if (!bound) return null
    namesPrerelease ||= bound.prerelease !== ''
    const parts = found[2]!.split('-')[0]!.split('.').length
    terms.push(operators[found[1] ?? '=']!(bound, parts))
  }
  return (version) => (version.prerelease === '' || namesPrerelease) && terms.every((term) => term(version))
}
