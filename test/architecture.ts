import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Which top-level folder may import which. The picture in ARCHITECTURE.md cannot rot while this passes. */
const arrows: Record<string, readonly string[]> = {
  db: ['db'],
  shared: ['shared', 'db'],
  server: ['server', 'shared', 'db', 'views'],
  worker: ['worker', 'shared', 'db'],
  views: ['views'],
}

/**
 * db/release.ts and the first steps of a process read settings and open a log: they sit in shared/, which may import
 * db/. These few files close the circle on purpose.
 */
const exceptions = new Set([
  'db/release.ts -> shared',
  'db/embedded.ts -> shared',
  'db/migrate.ts -> shared',
  'db/seed.ts -> shared',
])

const root = resolve(import.meta.dirname, '..')

const files = (folder: string, ending: RegExp): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

/** One sentence for each rule that is broken. */
export function findings(): string[] {
  const found: string[] = []
  for (const folder of Object.keys(arrows)) {
    for (const file of files(folder, /\.ts$/)) {
      const text = readFileSync(join(root, file), 'utf8')
      for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
        const path = relative(root, resolve(root, dirname(file), target!))
        const to = path.split('/')[0]!
        if (!arrows[folder]!.includes(to) && !exceptions.has(`${file} -> ${to}`))
          found.push(`${file} imports ${path}: ${folder} may import ${arrows[folder]!.join(', ')} only`)
        if (!existsSync(join(root, path))) found.push(`${file} imports ${target}, which does not exist`)
      }
      if (/^\s*@[A-Za-z]+\(/m.test(text)) found.push(`${file} has a decorator: Node does not run those`)
      if (/(^|\/)(index|utils)\.ts$/.test(file)) found.push(`${file}: name the thing`)
      if (/\bprocess\.env\b/.test(text) && !envReaders.has(file))
        found.push(`${file} reads the environment: settings are declared in shared/config.ts`)
    }
  }
  for (const file of files('views', /\.pug$/)) {
    const text = readFileSync(join(root, file), 'utf8')
    if (
      /(^|[^!=<>])!=[^=]/m.test(
        text.replaceAll(/\{[^}]*\}|\([^)]*\)|^\s*(-|if|else|unless|while|case|when|each)\b.*$/gm, ''),
      )
    )
      found.push(`${file} prints something unescaped (!=)`)
    for (const banned of [/\bstyle=/, /\bonclick=/, /\bhx-on[:-]/, /hx-trigger=['"][^'"]*\[/]) {
      if (banned.test(text)) found.push(`${file} uses ${banned.source}: the content security policy forbids it`)
    }
  }
  return found
}

/** Where the environment is handed to something: the settings reader, and those that start other processes. */
const envReaders = new Set([
  'shared/config.ts',
  'worker/execute/environment.ts',
  'server/launch/start.ts',
  'server/launch/demo.ts',
  'server/launch/processes.ts',
  'server/launch/tls.ts',
  'db/embedded.ts',
  'worker/execute/engines.ts',
  'worker/background/opa.ts',
])

if (import.meta.main) {
  const found = findings()
  for (const line of found) console.error(line)
  if (found.length > 0) process.exit(1)
}
