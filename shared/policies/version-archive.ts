import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import type { VersionContents } from './due-sets.ts'

/** An archive that is none of a policy set; the message is for its author. */
export class WrongPolicies extends Error {}

const MAX_ENTRIES = 10_000
const MAX_BYTES = 8 * 1024 * 1024
const MAX_UNPACKED = 64 * 1024 * 1024

/** The file that lists the policies, by kind. */
const lists = { opa: 'policies.hcl', sentinel: 'sentinel.hcl' } as const

/** Reads the tar.gz of a policy set version. @throws WrongPolicies */
export async function readPolicies(archive: Readable, kind: 'opa' | 'sentinel'): Promise<VersionContents> {
  const files = await readTexts(archive)
  const list = files[lists[kind]]
  if (list === undefined) throw new WrongPolicies(`The archive has no ${lists[kind]} at its root.`)
  const policies = parsePolicyList(list)
  if (kind === 'opa') {
    const without = policies.find((policy) => policy.query === '')
    if (without) throw new WrongPolicies(`The policy ${without.name} in ${lists.opa} has no query.`)
  }
  return { policies, files }
}

async function readTexts(archive: Readable): Promise<Record<string, string>> {
  const parts = new Map<string, Buffer[]>()
  let failure: Error | undefined
  let entries = 0
  let kept = 0
  const parser = new Parser({ strict: true, maxMetaEntrySize: 1024 * 1024 })
  parser.on('entry', (entry: ReadEntry) => {
    const path = entry.path.replace(/^(\.\/)+/, '')
    if (++entries > MAX_ENTRIES) failure ??= new WrongPolicies(`The archive has more than ${MAX_ENTRIES} entries.`)
    if (path.startsWith('/') || path.split('/').includes('..'))
      failure ??= new WrongPolicies('The archive has an entry outside its root.')
    const isText = /\.(rego|hcl|json|ya?ml|sentinel)$/.test(path)
    if (!failure && isText && (entry.type === 'File' || entry.type === 'OldFile')) {
      kept += entry.size ?? 0
      if (kept > MAX_BYTES) failure ??= new WrongPolicies(`The policies are larger than ${MAX_BYTES} bytes.`)
      const chunks: Buffer[] = []
      parts.set(path, chunks)
      entry.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
    }
    entry.resume()
  })
  parser.on('error', (error: Error) => {
    failure ??= new WrongPolicies(`The archive is damaged: ${error.message}`)
  })
  const gunzip = createGunzip()
  archive.on('error', (error) => gunzip.destroy(error))
  archive.pipe(gunzip)
  let bytes = 0
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_UNPACKED) throw new WrongPolicies(`The archive unpacks to more than ${MAX_UNPACKED} bytes.`)
      parser.write(chunk)
      if (failure) throw failure
    }
    parser.end()
    if (failure) throw failure
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error
    throw new WrongPolicies('The upload is not a valid tar.gz archive.')
  } finally {
    archive.destroy()
  }
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString('utf8').replaceAll('\0', '')
  return Object.fromEntries([...parts].map(([path, chunks]) => [path, text(chunks)]))
}

/**
 * `policy "name" { query = "…" enforcement_level = "…" description = "…" }`, one block for each policy. Only what these
 * lists are made of is read: plain texts in quotes.
 * Source: https://developer.hashicorp.com/terraform/cloud-docs/policy-enforcement/manage-policy-sets/opa-vcs
 */
export function parsePolicyList(text: string): VersionContents['policies'] {
  const clean = text.replace(/"(?:[^"\\]|\\.)*"|\/\*[\s\S]*?\*\/|(?:#|\/\/)[^\n]*/g, (part) =>
    part[0] === '"' ? part : '',
  )
  const policies: VersionContents['policies'] = []
  for (const [, name, body] of clean.matchAll(
    /\bpolicy\s+"([^"]+)"\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*"|\{[^{}]*\})*)\}/g,
  )) {
    const value = (key: string): string => {
      const found = new RegExp(`(?:^|\\s)${key}\\s*=\\s*("(?:[^"\\\\]|\\\\.)*")`).exec(body!)?.[1]
      return found ? (JSON.parse(found) as string) : ''
    }
    policies.push({
      name: name!,
      description: value('description'),
      query: value('query'),
      enforcement_level: value('enforcement_level') || 'advisory',
    })
  }
  const levels = ['advisory', 'mandatory', 'soft-mandatory', 'hard-mandatory']
  const odd = policies.find((policy) => !levels.includes(policy.enforcement_level))
  if (odd) throw new WrongPolicies(`The policy ${odd.name} has the unknown enforcement level ${odd.enforcement_level}.`)
  return policies
}
