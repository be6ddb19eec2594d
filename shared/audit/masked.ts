/** What may be told about a change: names and plain settings, never what could open a door. */
const secretName =
  /secret|token|password|passphrase|private|hmac|credential|certificate|verifier|^(current|again|text|value|key|code|cert|ssh|url|state|json-state|json-state-outputs|content|authorization|_csrf)$|-(key|code|url|cert)$/

/** Whatever the name: a private key, or one long word such as a token. */
const looksSecret = /-----BEGIN [A-Z ]*PRIVATE|^[\w+/=.~-]{40,}$/

const MASK = '(masked)'
const MAX_TEXT = 500
const MAX_ITEMS = 100
const MAX_DEPTH = 6
const MAX_BYTES = 16 * 1024

/**
 * A copy for the audit log: the values of secret names are replaced, long texts are cut.
 * A variable's `key` is its name, so it stays; a key of another thing is hidden.
 */
export function masked(value: unknown): unknown {
  const copy = copyOf(value, 0)
  return JSON.stringify(copy ?? null).length > MAX_BYTES ? { note: 'too large to keep' } : copy
}

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    if (looksSecret.test(value)) return MASK
    return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return MASK
  if (depth >= MAX_DEPTH) return '…'
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => copyOf(item, depth + 1))
  const entries = Object.entries(value).slice(0, MAX_ITEMS)
  const isVariable = entries.some(([name]) => name === 'category') || entries.some(([name]) => name === 'value')
  return Object.fromEntries(
    entries.map(([name, item]) => {
      const hides = secretName.test(name.replaceAll('_', '-').toLowerCase()) || name === '_csrf'
      const shown = !hides || (name === 'key' && isVariable) || item === null || typeof item === 'boolean'
      return [name, shown ? copyOf(item, depth + 1) : MASK]
    }),
  )
}
