import fc from 'fast-check'

/** A JSON schema as zod prints it, as far as the generator looks at it. */
export interface Schema {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  items?: Schema
  maxLength?: number
  minimum?: number
  maximum?: number
}

/** Texts that break what takes them for plain words. */
const oddTexts = [
  '',
  ' ',
  'x',
  '\0',
  'a\0b',
  '\ud800',
  'a\udfffb',
  '\u202e\u200b\ufeff',
  '😀'.repeat(300),
  'é'.normalize('NFD'),
  "'; drop table runs; --",
  '%',
  '%_%',
  '\\',
  '((((',
  '[',
  '*',
  '**',
  '../../etc/passwd',
  '-',
  '-1',
  '0',
  '1e309',
  '9007199254740993',
  '9223372036854775808',
  'NaN',
  'Infinity',
  'null',
  'true',
  '__proto__',
  'constructor',
  'toString',
  'ws-0000000000000000',
  '0000-00-00T00:00:00Z',
  '2026-02-30T25:61:61Z',
  '9999-12-31T23:59:59.999Z',
  '+275760-09-13T00:00:00Z',
  '-271821-04-20T00:00:00Z',
  '2026-01-01',
  '99999999999d',
  '0d',
  'https://[::1',
  'http://127.0.0.1:1/',
  'javascript:alert(1)',
  'a@b@c',
  '{"a":1}',
  '$' + '{var.x}',
  '>= 1.0, < ',
  '99999999999999999999.0.0',
  '1.0.0-\u0661',
  'x'.repeat(3_000),
  'a,'.repeat(500),
]

export const oddText = fc.constantFrom(...oddTexts)

const text = fc.oneof(
  { weight: 3, arbitrary: oddText },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/) },
)

const number = fc.constantFrom(0, 1, -1, 0.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e21, 1e308, 5e-324, 4294967296)

const nested = (depth: number, inner: unknown = 'x'): unknown =>
  depth === 0 ? inner : depth % 2 ? [nested(depth - 1, inner)] : { a: nested(depth - 1, inner) }

/** Any JSON value, odd ones most of all. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 3, arbitrary: number },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [null], [[]], { data: null }) },
  { weight: 1, arbitrary: fc.constantFrom(5, 60, 800).map((depth) => nested(depth)) },
  { weight: 1, arbitrary: fc.array(text, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.dictionary(text, fc.oneof(text, number), { maxKeys: 4 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
)

const likely = (schema: Schema): fc.Arbitrary<unknown> => {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf?.length) return fc.oneof(...schema.anyOf.map(likely))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return fc.boolean()
    case 'number':
    case 'integer':
      return fc.oneof(fc.integer({ min: Math.max(schema.minimum ?? 0, -1000), max: 1000 }), number)
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(likely(schema.items ?? {}), { maxLength: 4 })
    case 'object':
      return objectOf(schema.properties ?? {})
    default:
      return anything
  }
}

/** A value that mostly fits the schema, so that it comes past the first check; one in five does not. */
export const mostlyFits = (schema: Schema): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: likely(schema) }, { weight: 1, arbitrary: anything })

/** An object with some of the properties. */
export const objectOf = (properties: Record<string, Schema>): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, mostlyFits(schema)])), {
    requiredKeys: [],
  })
