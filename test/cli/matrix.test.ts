import { clients } from '../support/clients.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { type LookAhead, lookAhead } from './pool.ts'
import { absence, columns, runCell } from './scenario.ts'
import { scenarios } from './scenarios.ts'

/** Most of a cell's time is the clients' own waiting between polls. */
const AT_ONCE = 4

const cells = scenarios.flatMap((scenario) =>
  columns.filter((column) => !absence(scenario, column)).map((column) => ({ scenario, column })),
)

describe('the CLI matrix', function () {
  this.timeout(180_000)
  let stack: Stack
  let results: LookAhead<void>
  before('built', async function () {
    this.timeout(20 * 60_000)
    await clients()
    stack = await startStack()
    const organization = await stack.makeOrganization()
    results = lookAhead(
      cells.map(
        ({ scenario, column }) =>
          () =>
            runCell(stack, organization, scenario, column),
      ),
      AT_ONCE,
    )
  })
  after(async () => {
    await results?.settle()
    await stack?.stop()
  })

  for (const scenario of scenarios) {
    describe(scenario.command, () => {
      for (const [index, cell] of cells.entries()) {
        if (cell.scenario !== scenario) continue
        it(`${cell.column.engine}, ${cell.column.backend}: ${scenario.fact}`, () => results.get(index))
      }
    })
  }
})
