import { parentPort, workerData } from 'node:worker_threads'
import { readPlanFileHere } from './plan-files.ts'

// The body of the thread that plan-files.ts starts for a big plan.
parentPort?.postMessage(await readPlanFileHere(workerData))
