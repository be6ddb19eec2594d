import type { Tx } from '../db/pool.ts'
import { type RunsOf, selectRunDays, selectRunTimes } from '../shared/runs/days.ts'
import { counted, duration } from './words.ts'

/** Bars over days, as views/mixins/charts.pug draws them: with a sentence that says what they show, and as a table. */
export interface Chart {
  id: string
  title: string
  /** The finding, for those who do not see the bars. */
  sentence: string
  series: { word: string; tone: 'gray' | 'blue' | 'amber' | 'green' | 'red' | 'plum' }[]
  days: { day: string; bars: Bar[]; cells: string[]; says: string }[]
  /** What the whole height stands for. */
  top: string
}
interface Bar {
  tone: string
  x: number
  y: number
  width: number
  height: number
}

const DAYS = 14
const DAY_MS = 86_400_000
/** Runs whose times are looked at; the counts are of all. */
const MOST = 5000
/** The drawing is stretched to its place: only proportions matter. */
export const chartWidth = 100
export const chartHeight = 100

/** Three charts of the last two weeks. null: nothing ran. */
export async function runCharts(db: Tx, of: RunsOf, now: Date): Promise<Chart[] | null> {
  const today = Math.floor(now.getTime() / DAY_MS)
  const since = new Date((today - DAYS + 1) * DAY_MS)
  const counts = await selectRunDays(db, of, since)
  if (counts.length === 0) return null
  const times = new Map((await selectRunTimes(db, of, since, MOST)).map((row) => [row.day, row]))
  const byDay = new Map(counts.map((row) => [row.day, row]))
  const days = Array.from({ length: DAYS }, (_, i) => new Date(since.getTime() + i * DAY_MS).toISOString().slice(0, 10))
  const time = (day: string) => times.get(day)
  const total = (key: 'done' | 'failed' | 'stopped' | 'open') => counts.reduce((sum, row) => sum + row[key], 0)
  const all = total('done') + total('failed') + total('stopped') + total('open')
  const waits = present(days.map((day) => time(day)?.wait_ms))
  const plans = present(days.map((day) => time(day)?.plan_ms))
  const applies = present(days.map((day) => time(day)?.apply_ms))
  const median = (list: number[]) => (list.length > 0 ? duration(middle(list)) : 'unknown')
  return [
    chart({
      id: 'chart-runs',
      title: 'Runs per day',
      sentence: `${counted(all, 'run')} in ${DAYS} days: ${total('done')} ended well, ${total('failed')} failed.`,
      series: [
        { word: 'Ended well', tone: 'green' },
        { word: 'Failed', tone: 'red' },
        { word: 'Stopped', tone: 'gray' },
        { word: 'Not over', tone: 'blue' },
      ],
      isStacked: true,
      days,
      values: (day) => {
        const row = byDay.get(day)
        return [row?.done ?? 0, row?.failed ?? 0, row?.stopped ?? 0, row?.open ?? 0]
      },
      word: (n) => n.toLocaleString('en-US'),
    }),
    chart({
      id: 'chart-waits',
      title: 'Wait for a worker',
      sentence:
        waits.length > 0
          ? `Half of them waited less than ${median(waits)}; on the slowest day, ${duration(Math.max(...waits))}.`
          : 'Nothing has waited for a worker yet.',
      series: [
        { word: 'Median', tone: 'amber' },
        { word: 'Longest', tone: 'gray' },
      ],
      isStacked: false,
      days,
      values: (day) => [time(day)?.wait_ms ?? null, time(day)?.longest_wait_ms ?? null],
      word: duration,
    }),
    chart({
      id: 'chart-durations',
      title: 'Duration, median',
      sentence: `Plans took ${median(plans)}, applies ${median(applies)}.`,
      series: [
        { word: 'Plan', tone: 'blue' },
        { word: 'Apply', tone: 'plum' },
      ],
      isStacked: false,
      days,
      values: (day) => [time(day)?.plan_ms ?? null, time(day)?.apply_ms ?? null],
      word: duration,
    }),
  ]
}

interface ChartInput extends Pick<Chart, 'id' | 'title' | 'sentence' | 'series'> {
  isStacked: boolean
  days: string[]
  /** One for each of the series; null: nothing is known of that day. */
  values(day: string): (number | null)[]
  word(value: number): string
}

function chart({ isStacked, days, values, word, ...rest }: ChartInput): Chart {
  const rows = days.map((day) => ({ day, values: values(day) }))
  const heights = rows.map((row) =>
    isStacked ? row.values.reduce<number>((sum, v) => sum + (v ?? 0), 0) : Math.max(0, ...present(row.values)),
  )
  const top = Math.max(...heights)
  const slot = chartWidth / days.length
  const room = slot * 0.78
  return {
    ...rest,
    top: top > 0 ? word(top) : '',
    days: rows.map((row, i) => {
      let below = 0
      const width = isStacked ? room : room / row.values.length
      const bars = row.values.flatMap((value, n): Bar[] => {
        if (!value || top === 0) return []
        // what is there is seen, however little it is
        const height = Math.max(1.5, (value / top) * chartHeight)
        const x = i * slot + (slot - room) / 2 + (isStacked ? 0 : n * width)
        const y = chartHeight - height - (isStacked ? below : 0)
        below += height
        return [
          {
            tone: rest.series[n]!.tone,
            x: round(x),
            y: round(Math.max(0, y)),
            width: round(width),
            height: round(height),
          },
        ]
      })
      const cells = row.values.map((value) => (value === null ? '–' : word(value)))
      const says = `${row.day}: ${rest.series.map((s, n) => `${s.word.toLowerCase()} ${cells[n]}`).join(', ')}`
      return { day: row.day, bars, cells, says }
    }),
  }
}

const present = (list: (number | null | undefined)[]): number[] => list.filter((v) => v !== null && v !== undefined)
const middle = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!
const round = (n: number): number => Math.round(n * 100) / 100
