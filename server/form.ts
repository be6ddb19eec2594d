import type { Context as Koa } from 'koa'
import { problem } from '../shared/errors.ts'
import { readBody } from './jsonapi/body.ts'

const MAX_BYTES = 1024 * 1024
const MAX_FIELDS = 500

/** The fields of a submitted form. Text keeps its characters; line ends become \n, as browsers send \r\n. */
export interface Form {
  /** '' when the field was not sent. */
  text(name: string): string
  /** Without white space around it. */
  line(name: string): string
  all(name: string): string[]
  has(name: string): boolean
  /** All of them, for the audit log. */
  fields(): Record<string, unknown>
}

export const formOf = (fields: URLSearchParams): Form => {
  const clean = (value: string) => value.replaceAll('\r\n', '\n')
  return {
    text: (name) => clean(fields.get(name) ?? ''),
    line: (name) => clean(fields.get(name) ?? '').trim(),
    all: (name) => fields.getAll(name).map(clean),
    has: (name) => fields.has(name),
    fields: () =>
      Object.fromEntries(
        [...new Set(fields.keys())]
          .filter((name) => name !== '_csrf')
          .map((name) => [name, fields.getAll(name).length > 1 ? fields.getAll(name) : fields.get(name)]),
      ),
  }
}

/** @throws problem 'unsupported_media_type', 'too_large', or 'bad_request' for too many fields or a NUL */
export async function readForm(koa: Koa): Promise<Form> {
  if (koa.request.length === 0) return formOf(new URLSearchParams())
  if (!koa.is('application/x-www-form-urlencoded')) throw problem('unsupported_media_type')
  const text = (await readBody(koa.req, MAX_BYTES)).toString('utf8')
  if (text.split('&', MAX_FIELDS + 2).length > MAX_FIELDS + 1)
    throw problem('bad_request', `A form has at most ${MAX_FIELDS} fields.`)
  if (/%00|\0/.test(text)) throw problem('bad_request', 'A field holds a NUL character.')
  return formOf(new URLSearchParams(text))
}
