import { z } from 'zod'
import { type TestSummary, testStatuses } from '../../shared/registry/test-runs.ts'

const Line = z.object({
  type: z.literal('test_summary'),
  test_summary: z.object({
    status: z.enum(testStatuses),
    passed: z.number(),
    failed: z.number(),
    errored: z.number(),
    skipped: z.number(),
  }),
})

/** A summary is a short line; what is longer than this is none. */
const MAX_LINE_BYTES = 64 * 1024

/** Finds the summary in the JSON lines of `test -json`, however they are cut. */
export class SummaryReader {
  summary: TestSummary | null = null
  #line = ''
  #isTooLong = false

  read(bytes: Buffer): void {
    const [first, ...rest] = bytes.toString('latin1').split('\n')
    this.#extend(first!)
    for (const line of rest) {
      this.#endLine()
      this.#extend(line)
    }
  }

  #extend(text: string): void {
    this.#isTooLong ||= this.#line.length + text.length > MAX_LINE_BYTES
    this.#line = this.#isTooLong ? '' : this.#line + text
  }

  #endLine(): void {
    const line = this.#line
    this.#line = ''
    this.#isTooLong = false
    if (!line.includes('"test_summary"')) return
    try {
      this.summary = Line.parse(JSON.parse(line)).test_summary
    } catch {
      // a line of somebody else that only looks like it
    }
  }
}
