import { PhaseFailure } from './failure.ts'

const MAX_HOPS = 40

/**
 * Refuses a symbolic link that leaves the archive when the kernel would follow it, also through other links:
 * with `d -> .`, the link `x -> d/..` looks harmless by its text and yet leaves the root.
 *
 * @param links path of each link of the archive, relative to its root, to its target as written
 * @throws PhaseFailure that names the link
 */
export function assertLinkStaysInside(links: ReadonlyMap<string, string>, path: string): void {
  const refuse = (why: string) => new PhaseFailure(`The configuration archive has a link that ${why}: ${quote(path)}`)
  const segments = path.split('/')
  const todo = [...segments]
  const at: string[] = []
  let hops = 0
  while (todo.length > 0) {
    const segment = todo.shift()!
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      if (at.length === 0) throw refuse('leads out of it')
      at.pop()
      continue
    }
    at.push(segment)
    const target = links.get(at.join('/'))
    if (target === undefined) continue
    if (target.startsWith('/') || target.includes('\0')) throw refuse('leads out of it')
    if (++hops > MAX_HOPS) throw refuse('never ends')
    at.pop()
    todo.unshift(...target.split('/'))
  }
}

/** An archive's entry name as it may be printed: escaped and cut. */
export const quote = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
