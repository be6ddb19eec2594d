import { Worker } from 'node:worker_threads'
import type { App } from '../../shared/app.ts'
import { cutPlan } from '../../shared/plans/cut.ts'
import type { CutPlan } from '../../shared/plans/row.ts'
import { CUT_AT_MOST, readPlanText, selectPlanToCut, storePlan } from '../../shared/plans/store.ts'

const THREAD_HEAP_MB = 1536

/**
 * Cuts a large plan into rows, in a thread of its own: this process's other jobs do not wait for it. May be repeated.
 */
export async function cutLargePlan(app: App, planId: string): Promise<void> {
  const plan = await selectPlanToCut(app.db, planId)
  if (!plan?.blob_id || plan.is_cut) return
  const text = await readPlanText(app, plan.blob_id, CUT_AT_MOST)
  if (text === null) {
    const nothing = cutPlan({})
    const summary = { ...nothing.summary, isTooLarge: true as const }
    return storePlan(app, planId, plan.blob_id, { ...nothing, summary })
  }
  await storePlan(app, planId, plan.blob_id, await cutInThread(text))
}

function cutInThread(text: string): Promise<CutPlan> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./plan-rows-thread.ts', import.meta.url), {
      workerData: text,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
    })
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread that cuts the plan ended early (exit ${code})`)))
  })
}
