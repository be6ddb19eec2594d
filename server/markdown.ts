import { lexer, type Token } from 'marked'

/** A README longer than this is shown as plain text. */
const LONGEST = 300_000

/** What views/mixins/markdown.pug draws. HTML in the text stays text: nothing is ever printed unescaped. */
export function readMarkdown(text: string): Token[] {
  if (text.length > LONGEST) return [{ type: 'code', raw: text, text } as Token]
  return lexer(text, { gfm: true })
}

/** The lexer escapes nothing but leaves entities as they stand. */
const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: '\u00a0' }
export const plainText = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => entities[name] ?? whole)

/** Links lead to other sites or within the page; anything else, such as javascript:, is no link. */
export const safeHref = (href: string): string | null =>
  /^https?:\/\//i.test(href) || /^#[\w-]*$/.test(href) ? href : null
