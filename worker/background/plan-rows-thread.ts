import { parentPort, workerData } from 'node:worker_threads'
import { cutPlan } from '../../shared/plans/cut.ts'
import type { PlanDocument } from '../../shared/plans/json.ts'

/** The thread of plan-rows.ts: the text of a plan comes in, its rows go out. */
parentPort!.postMessage(cutPlan(JSON.parse(workerData as string) as PlanDocument))
