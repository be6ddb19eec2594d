// `npm run test:cli [-- WORD]`: the table of CLI commands, each cell run with the real client against the real server.
import { startStack } from '../support/stack.ts'
import { lookAhead } from './pool.ts'
import { absence, type Column, columns, runCell, type Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const AT_ONCE = 4

// an exit, so that what was started is stopped
process.once('SIGINT', () => process.exit(130))

type Result = { mark: '✔' } | { mark: '–'; reason: string } | { mark: '✘'; error: string }

const wanted = process.argv[2]
const rows = scenarios.filter(({ command }) => !wanted || command.includes(wanted))
const cells = rows.flatMap((scenario) => columns.map((column) => ({ scenario, column })))
const width = Math.max(...rows.map(({ command }) => command.length))
const titles = columns.map(({ engine, backend }) => `${engine} ${backend}`)

const stack = await startStack()
const failures: string[] = []
const reasons = new Set<string>()
try {
  const organization = await stack.makeOrganization()
  const results = lookAhead(
    cells.map(
      ({ scenario, column }) =>
        () =>
          resultOf(organization, scenario, column),
    ),
    AT_ONCE,
  )
  console.log(`\n${'command'.padEnd(width)}  ${titles.join('  ')}`)
  for (const [row, { command }] of rows.entries()) {
    const marks: string[] = []
    for (const [i, title] of titles.entries()) {
      const result = await results.get(row * titles.length + i)
      marks.push(result.mark.padEnd(title.length))
      if (result.mark === '✘') failures.push(`${command} (${title}): ${result.error}`)
      if (result.mark === '–') reasons.add(`${command}: ${result.reason}`)
    }
    console.log(`${command.padEnd(width)}  ${marks.join('  ')}`)
  }
} finally {
  await stack.stop()
}
console.log(`\n– cannot exist:\n${[...reasons].map((reason) => `  ${reason}`).join('\n')}`)
for (const failure of failures) console.log(`\n✘ ${failure}`)
const missing = cells.filter(({ scenario, column }) => absence(scenario, column)).length
console.log(
  `\n${cells.length - failures.length - missing} cells hold, ${failures.length} do not, ${missing} cannot exist`,
)
process.exit(failures.length > 0 ? 1 : 0)

async function resultOf(organization: string, scenario: Scenario, column: Column): Promise<Result> {
  const reason = absence(scenario, column)
  if (reason) return { mark: '–', reason }
  try {
    await runCell(stack, organization, scenario, column)
    return { mark: '✔' }
  } catch (error) {
    return { mark: '✘', error: (error as Error).message }
  }
}
