import { parentPort, workerData } from 'node:worker_threads'
import { parse } from '@cdktf/hcl2json'

// The body of the thread that tfvars.ts starts.
try {
  parentPort?.postMessage({ values: await parse('terraform.tfvars', workerData as string) })
} catch (error) {
  parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) })
}
