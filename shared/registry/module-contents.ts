import { z } from 'zod'

/** What one folder of a module declares, as registries show it. */
export const FolderContents = z.object({
  inputs: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      description: z.string(),
      /** JSON of the default; '' without one */
      default: z.string(),
      required: z.boolean(),
      sensitive: z.boolean(),
    }),
  ),
  outputs: z.array(z.object({ name: z.string(), description: z.string(), sensitive: z.boolean() })),
  resources: z.array(z.object({ name: z.string(), type: z.string() })),
  provider_dependencies: z.array(
    z.object({ name: z.string(), namespace: z.string(), source: z.string(), version: z.string() }),
  ),
})
export type FolderContents = z.output<typeof FolderContents>

/** By folder: '' is the root, others are `modules/NAME`. */
export const ModuleContents = z.record(z.string(), FolderContents)
export type ModuleContents = z.output<typeof ModuleContents>

/** One file as JSON configuration: block type → labels → list of bodies. */
type Configuration = Record<string, unknown>
type Body = Record<string, unknown>

/** Sums up the files of one folder. */
export function folderContents(files: readonly Configuration[]): FolderContents {
  const all = (type: string) => files.flatMap((file) => blocks(file[type]))
  return {
    inputs: all('variable').map(([name, body]) => ({
      name,
      type: expression(body.type),
      description: text(body.description),
      default: 'default' in body ? JSON.stringify(body.default) : '',
      required: !('default' in body),
      sensitive: body.sensitive === true,
    })),
    outputs: all('output').map(([name, body]) => ({
      name,
      description: text(body.description),
      sensitive: body.sensitive === true,
    })),
    resources: files.flatMap((file) =>
      Object.entries(object(file.resource)).flatMap(([type, named]) =>
        Object.keys(object(named)).map((name) => ({ name, type })),
      ),
    ),
    provider_dependencies: files.flatMap((file) => requiredProviders(file.terraform)),
  }
}

function requiredProviders(terraform: unknown): FolderContents['provider_dependencies'] {
  const required = bodies(terraform).flatMap((body) => bodies(body.required_providers))
  return required
    .flatMap((providers) => Object.entries(providers))
    .map(([name, wanted]) => {
      const source =
        typeof wanted === 'string' ? `hashicorp/${name}` : text(object(wanted).source) || `hashicorp/${name}`
      const version = typeof wanted === 'string' ? wanted : text(object(wanted).version)
      return { name, namespace: source.split('/').at(-2) ?? '', source, version }
    })
}

const object = (value: unknown): Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {}

/** A body may stand alone in JSON files and is a list of one from HCL. */
const bodies = (value: unknown): Body[] => [value ?? []].flat().map(object)

const blocks = (value: unknown): [string, Body][] =>
  Object.entries(object(value)).map(([name, body]) => [name, bodies(body)[0] ?? {}])

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** `${list(string)}` is how an expression is written in JSON configuration. */
const expression = (value: unknown): string => text(value).replace(/^\$\{([\s\S]*)\}$/, '$1')
