import { outputOf, type StateOutput } from './output-values.ts'
import { NotAState, StateScanner } from './scan.ts'

/** One entry of a state's `resources`: all instances that count or for_each made of it. */
export interface StateResource {
  address: string
  name: string
  type: string
  /** 'root', or the module's address */
  module: string
  provider: string
  mode: string
  instanceCount: number
}

/** What a state holds, counted; the resources themselves go to a callback, batch by batch. */
export interface StateSummary {
  engineVersion: string
  /** instances of managed resources: data sources are not counted */
  resourceCount: number
  /** module → type → instances; types with dashes, data sources as `data.type`: as HCP shows them */
  modules: Counts
  providers: Counts
  outputs: StateOutput[]
}

type Counts = Record<string, Record<string, number>>

const BATCH = 1000

interface RawResource {
  module?: string
  mode?: string
  type?: string
  name?: string
  provider?: string
  instances?: { deposed?: string; index_key?: string | number }[]
}

/**
 * Reads the contents of a state. What is no state that can be read (encrypted by tofu, or another format) has none.
 */
export class StateReader {
  readonly #scanner: StateScanner
  readonly #onResources: (batch: StateResource[]) => void
  readonly #modules: Map<string, Map<string, number>> = new Map()
  readonly #providers: Map<string, Map<string, number>> = new Map()
  readonly #outputs: StateOutput[] = []
  #batch: StateResource[] = []
  #resourceCount = 0
  #isReadable = true

  constructor(onResources: (batch: StateResource[]) => void) {
    this.#onResources = onResources
    this.#scanner = new StateScanner({
      resource: (text) => this.#resource(text),
      output: (name, text) => this.#outputs.push(outputOf(name, text)),
    })
  }

  feed(chunk: Buffer): void {
    this.#unlessUnreadable(() => this.#scanner.feed(chunk))
  }

  end(): StateSummary {
    this.#unlessUnreadable(() => this.#scanner.end())
    if (this.#isReadable && this.#batch.length > 0) this.#onResources(this.#batch)
    const readable = this.#isReadable
    return {
      engineVersion: this.#scanner.texts.get('terraform_version') ?? '',
      resourceCount: readable ? this.#resourceCount : 0,
      modules: readable ? asObject(this.#modules) : {},
      providers: readable ? asObject(this.#providers) : {},
      outputs: readable ? this.#outputs : [],
    }
  }

  #unlessUnreadable(read: () => void): void {
    if (!this.#isReadable) return
    try {
      read()
    } catch (error) {
      if (!(error instanceof NotAState || error instanceof SyntaxError)) throw error
      this.#isReadable = false
    }
  }

  #resource(text: string): void {
    const raw = JSON.parse(text) as RawResource
    const { type = '', name = '', provider = '' } = raw
    const mode = raw.mode ?? 'managed'
    const kind = mode === 'data' ? `data.${type}` : type
    const living = (raw.instances ?? []).filter((i) => !i.deposed)
    const instanceCount = living.length
    // one instance alone is named with its key
    const key = instanceCount === 1 ? living[0]!.index_key : undefined
    const index = key === undefined || key === null ? '' : `[${JSON.stringify(key)}]`
    const module = raw.module || 'root'
    const address = `${raw.module ? `${raw.module}.` : ''}${kind}.${name}${index}`
    if (mode === 'managed') this.#resourceCount += instanceCount
    const counted = kind.replaceAll('_', '-')
    add(this.#modules, module, counted, instanceCount)
    add(this.#providers, provider, counted, instanceCount)
    this.#batch.push({ address, name, type: kind, module, provider, mode, instanceCount })
    if (this.#batch.length < BATCH) return
    this.#onResources(this.#batch)
    this.#batch = []
  }
}

function add(counts: Map<string, Map<string, number>>, group: string, kind: string, count: number): void {
  const of = counts.get(group) ?? new Map<string, number>()
  of.set(kind, (of.get(kind) ?? 0) + count)
  counts.set(group, of)
}

const asObject = (counts: Map<string, Map<string, number>>): Counts =>
  Object.fromEntries([...counts].map(([group, of]) => [group, Object.fromEntries(of)]))
