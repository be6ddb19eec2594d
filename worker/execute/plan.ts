import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { PhaseWork } from '../../shared/phase.ts'
import { failureReason, runLogged, runQuery } from './engine-run.ts'
import { readPlanFile, redactedWithSchemas } from './plan-files.ts'
import { prepareSteps, together } from './prepare.ts'
import { secretsOf } from './secret-mask.ts'
import { type Phase, type Step, succeeded } from './step.ts'
import { relativeTo } from './workdir.ts'

/** The file that `-generate-config-out` writes; the engine refuses one that exists. */
const GENERATED = 'tofutf_generated.tf'

const plan: Step = {
  name: 'plan',
  run: async (phase) => {
    // The schemas do not depend on the plan: asked for now, they are there when it is done.
    const schemas = runQuery(phase, ['providers', 'schema', '-json'], 'schemas.json')
    schemas.catch(() => undefined)
    phase.schemas = schemas
    phase.background.push(schemas)
    const exit = await runLogged(phase, planArgs(phase), { json: phase.work.structuredOutput })
    phase.stop.throwIfRequested()
    if (!succeeded(exit)) phase.result = { outcome: 'errored', reason: failureReason(phase, 'plan', exit) }
  },
}

/** The plan as data, kept for the apply and for readers; its numbers come from the same document. */
const keep: Step = {
  name: 'keep',
  run: async (phase) => {
    const { handle, work, dir } = phase
    const planFile = planPath(phase)
    const redacted = join(dir.root, 'plan-redacted.json')
    await together(
      () => handle.keep('plan-file', createReadStream(planFile)),
      async () => {
        if (phase.lockText) await handle.keep('lock-file', Readable.from([Buffer.from(phase.lockText)]))
      },
      async () => {
        const show = await runQuery(phase, ['show', '-json', relativeTo(phase.cwd, planFile)], 'plan.json')
        const plan = show.path
        await together(
          () => handle.keep('plan-json', createReadStream(plan)),
          async () => {
            const { refreshOnly } = work.options
            const secrets = [...secretsOf(work), ...phase.identity.secrets]
            const summary = await readPlanFile({ plan, redacted, refreshOnly, secrets })
            await handle.keep('plan-json-redacted', await redactedWithSchemas(redacted, (await phase.schemas).path))
            phase.engineMs += show.durationMs
            phase.result = { outcome: 'finished', ...summary }
          },
        )
      },
    )
  },
}

export const planSteps: readonly Step[] = [...prepareSteps(), plan, keep]

export const planPath = (phase: Phase): string => join(phase.dir.root, 'tfplan')

function planArgs(phase: Phase): string[] {
  return ['plan', '-input=false', `-out=${relativeTo(phase.cwd, planPath(phase))}`, ...planOptions(phase.work)]
}

export function planOptions({ options, structuredOutput }: Pick<PhaseWork, 'options' | 'structuredOutput'>): string[] {
  return [
    ...(structuredOutput ? ['-json'] : []),
    ...(options.isDestroy ? ['-destroy'] : []),
    ...(options.refreshOnly ? ['-refresh-only'] : []),
    ...(options.refresh ? [] : ['-refresh=false']),
    ...(options.allowConfigGeneration ? [`-generate-config-out=${GENERATED}`] : []),
    ...options.targetAddrs.map((address) => `-target=${address}`),
    ...options.replaceAddrs.map((address) => `-replace=${address}`),
    ...options.invokeActionAddrs.map((address) => `-invoke=${address}`),
  ]
}
