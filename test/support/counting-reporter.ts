import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'

/** The spec reporter, which also leaves the counts in the file named by TEST_COUNTS for test/run.ts. */
// biome-ignore lint/style/noDefaultExport: mocha takes a reporter from the default export
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options)
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.TEST_COUNTS
      const { passes, failures, pending } = this.stats
      if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }))
    })
  }
}
