import { readFile, writeFile } from 'node:fs/promises'

/** The suite's table: `test status seconds`, one line for each test and subtest. */
type Table = Map<string, { status: string; line: string }>

export async function readTable(file: string): Promise<Table> {
  const [, ...lines] = (await readFile(file, 'utf8')).trimEnd().split('\n')
  return new Map(
    lines.map((line) => {
      const [test = '', status = ''] = line.split('\t')
      return [test, { status, line }]
    }),
  )
}

/** Puts the rows of the second table in the place of what the first says about the same tests. */
export async function mergeInto(file: string, second: string): Promise<void> {
  const [first, more] = [await readTable(file), await readTable(second)]
  const replaced = new Set([...more.keys()].map((test) => test.split('/')[0]!))
  const kept = [...first].filter(([test]) => !replaced.has(test.split('/')[0]!)).map(([, row]) => row.line)
  const lines = [...kept, ...[...more.values()].map((row) => row.line)]
  await writeFile(file, `test\tstatus\tseconds\n${lines.join('\n')}\n`)
}

/** Top-level tests that passed in the committed table and do not now. */
export async function lostTests(before: string, now: string): Promise<string[]> {
  const [was, is] = [await readTable(before), await readTable(now)]
  return [...was]
    .filter(([test, row]) => !test.includes('/') && row.status === 'pass' && is.get(test)?.status !== 'pass')
    .map(([test]) => test)
}

/** Puts tests that were not run into the table as skipped. */
export async function addSkipped(file: string, tests: readonly string[]): Promise<void> {
  const lines = [...(await readTable(file)).values()].map(({ line }) => line)
  const rows = [...lines, ...tests.map((test) => `${test}\tskip\t0.00`)]
  await writeFile(file, `test\tstatus\tseconds\n${rows.join('\n')}\n`)
}

/** Of top-level tests. */
export async function countOf(file: string): Promise<{ passed: number; failed: number; skipped: number }> {
  const top = [...(await readTable(file))].filter(([test]) => !test.includes('/'))
  const count = (status: string) => top.filter(([, row]) => row.status === status).length
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') }
}
