/** TypeScript's library does not know these yet; Node 22 and later do. */
const exact = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): object
  isRawJSON(value: unknown): boolean
}

/** As JSON.parse, but a number that a double cannot hold, or would print otherwise, is kept as it was written. */
export const parseExactly = (text: string): unknown =>
  exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value,
  )

export const isRawNumber = (value: unknown): boolean => exact.isRawJSON(value)
