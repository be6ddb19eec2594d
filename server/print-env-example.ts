import type { z } from 'zod'
import { settings } from '../shared/config.ts'

/** `.env.example`: every setting with its sentence and its default, commented out. */
export function envExample(): string {
  const blocks = Object.entries(settings).map(([name, [schema, sentence]]) => {
    const unset = (schema as z.ZodType).safeParse(undefined).data
    const value = Array.isArray(unset) ? unset.join(',') : (unset ?? '')
    return `# ${sentence}\n# ${name}=${value}\n`
  })
  return `# Settings of TofuTF. Printed from shared/config.ts: npm run -s env-example > .env.example\n\n${blocks.join('\n')}`
}

// `npm run -s env-example`
if (import.meta.main) process.stdout.write(envExample())
