import { failureReason, runLogged } from './engine-run.ts'
import { prepareSteps } from './prepare.ts'
import type { Step } from './step.ts'

export interface TestOptions {
  filters: readonly string[]
  testDirectory: string
  verbose: boolean
  parallelism: number | null
}

/**
 * The steps of a module's own tests: init, then `test -json`. Tests that fail are a result, not a failure of the phase:
 * `isSummed` tells whether the engine printed its summary.
 */
export const testSteps = (options: TestOptions, isSummed: () => boolean): readonly Step[] => [
  ...prepareSteps(),
  {
    name: 'test',
    run: async (phase) => {
      const exit = await runLogged(phase, testArgs(options), { json: true })
      // an interrupted engine destroys what it made and prints a summary too
      phase.stop.throwIfRequested()
      await phase.writer.drained()
      phase.result = isSummed()
        ? {
            outcome: 'finished',
            hasChanges: false,
            counts: { additions: 0, changes: 0, destructions: 0, imports: 0 },
            generatedConfiguration: false,
          }
        : { outcome: 'errored', reason: failureReason(phase, 'test', exit) }
    },
  },
]

const testArgs = ({ filters, testDirectory, verbose, parallelism }: TestOptions): string[] => [
  'test',
  '-json',
  `-test-directory=${testDirectory}`,
  ...filters.map((filter) => `-filter=${filter}`),
  ...(verbose ? ['-verbose'] : []),
  ...(parallelism === null ? [] : [`-parallelism=${parallelism}`]),
]
