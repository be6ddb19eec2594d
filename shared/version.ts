import { readFileSync } from 'node:fs'

/** The version of this product: what package.json says. */
export const productVersion: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version
