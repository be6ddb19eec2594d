import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { startRun, uploadConfiguration } from '../support/configurations.ts'
import { logOf, type Stack, startStack } from '../support/stack.ts'

const RUNS = 20

/** Its provisioner fails where an earlier phase left something, and says which credentials it was given. */
const configuration = `
resource "terraform_data" "each" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = <<-EOT
      for place in . "$HOME" "$TMPDIR"; do
        if [ -e "$place/left" ]; then echo "leftovers in $place"; exit 1; fi
        touch "$place/left"
      done
      echo "credentials $(cksum < "$TF_CLI_CONFIG_FILE")"
    EOT
  }
}`

const PhaseRow = z.object({ job_id: z.string(), status: z.string() })

describe('runs that apply by themselves, one after the other', function () {
  this.timeout(240_000)
  let stack: Stack
  before(async () => {
    stack = await startStack({ runners: 2 })
  })
  after(() => stack.stop())

  it('QUEUE-36 all are applied, and no phase has a job, folder or token of another', async () => {
    const { id } = await stack.makeWorkspace(await stack.makeOrganization(), { 'auto-apply': true })
    await uploadConfiguration(stack.api, id, { 'main.tf': configuration })
    const runs: string[] = []
    for (let i = 0; i < RUNS; i++) runs.push(await startRun(stack.api, id))

    const credentials: (string | undefined)[] = []
    for (const run of runs) {
      const log = await logOf(stack.api, await stack.waitForRun(run, 'applied'))
      credentials.push(/credentials (\d+ \d+)/.exec(log)?.[1])
    }

    expect(credentials).to.not.include(undefined)
    expect(new Set(credentials)).to.have.lengthOf(RUNS)
    const phases = await stack.db.any(sql.type(PhaseRow)`
      select job_id, status
      from phases
      where run_id = any(${sql.array(runs, 'text')})`)
    expect(new Set(phases.map(({ job_id }) => job_id))).to.have.lengthOf(2 * RUNS)
    expect(phases.every(({ status }) => status === 'finished')).to.equal(true)
    const tokens = await stack.db.any(
      sql.type(z.object({ id: z.string() }))`select id from tokens where kind = 'phase'`,
    )
    expect(tokens).to.be.empty
  })
})
