import { Worker } from 'node:worker_threads'
import type { ModuleContents } from './module-contents.ts'

/** Text of the configuration files of one module, by path. */
export type ModuleSources = Readonly<Record<string, string>>

const TIME_LIMIT_MS = 15_000
const HEAP_LIMIT_MB = 256

/**
 * Reads what a module declares, in a thread of its own with limits: the text comes from anybody who may publish.
 * @returns null when it cannot be read (it does not parse, or takes too long)
 */
export function readModule(sources: ModuleSources): Promise<ModuleContents | null> {
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./module-reader-thread.ts', import.meta.url), {
      workerData: sources,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    })
    const end = (contents: ModuleContents | null) => {
      clearTimeout(timer)
      resolve(contents)
      void thread.terminate()
    }
    const timer = setTimeout(() => end(null), TIME_LIMIT_MS)
    thread.once('message', end)
    thread.once('error', () => end(null))
    thread.once('exit', () => end(null))
  })
}
