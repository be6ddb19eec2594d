import { parentPort, workerData } from 'node:worker_threads'
import { parse } from '@cdktf/hcl2json'
import { folderContents, type ModuleContents } from './module-contents.ts'
import type { ModuleSources } from './module-reader.ts'

// The body of the thread that module-reader.ts starts.
const folders = new Map<string, Record<string, unknown>[]>()
for (const [path, source] of Object.entries(workerData as ModuleSources)) {
  const slash = path.lastIndexOf('/')
  const folder = slash < 0 ? '' : path.slice(0, slash)
  const file = path.endsWith('.json') ? JSON.parse(source) : await parse(path, source)
  folders.set(folder, [...(folders.get(folder) ?? []), file])
}
const contents: ModuleContents = Object.fromEntries(
  [...folders].sort().map(([folder, files]) => [folder, folderContents(files)]),
)
// a NUL, which HCL can write as an escape, is nothing a jsonb column can hold
parentPort?.postMessage(JSON.parse(JSON.stringify(contents).replaceAll('\\u0000', '')))
