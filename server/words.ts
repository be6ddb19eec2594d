import type { Stage } from '../shared/runs/stages.ts'

/** Numbers, times and stages as people read them. */
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `6 min ago`, `yesterday`, `12 days ago`. */
export function ago(then: Date, now: Date): string {
  const ms = now.getTime() - then.getTime()
  if (ms < 10 * SECOND) return 'just now'
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`
  const days = Math.floor(ms / DAY)
  return days === 1 ? 'yesterday' : `${days} days ago`
}

/** `48 s`, `2 min 10 s`, `3 h 05 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / SECOND))
  const two = (n: number) => String(n).padStart(2, '0')
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`
}

/** `2026-11-25 14:02:10 UTC` */
export const exactTime = (date: Date): string =>
  date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')

/** `1 run`, `3 runs`, `1,204 runs`. */
export const counted = (n: number, one: string, more = `${one}s`): string =>
  `${n.toLocaleString('en-US')} ${n === 1 ? one : more}`

/** `Chrome 156 on Linux`: enough to recognize one's own browsers by. */
export function browserOf(userAgent: string): string {
  const [, name, version] = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/.exec(userAgent) ?? []
  const [, system] = /(Windows|Mac OS X|Android|iPhone|iPad|CrOS|Linux)/.exec(userAgent) ?? []
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' }
  if (!name) return userAgent.slice(0, 80) || 'Unknown browser'
  return `${names[name] ?? name} ${version}${system ? ` on ${system === 'Mac OS X' ? 'macOS' : system}` : ''}`
}

export const stageWords: Record<Stage, string> = {
  pre_plan: 'Before the plan',
  post_plan: 'After the plan',
  pre_apply: 'Before the apply',
  post_apply: 'After the apply',
}
