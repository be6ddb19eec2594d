import type { Context } from '../route.ts'

export interface Page {
  number: number
  size: number
  offset: number
}

const whole = (text: string | string[] | undefined, fallback: number, max: number): number => {
  const value = Number(Array.isArray(text) ? text[0] : text)
  return Number.isInteger(value) && value > 0 ? Math.min(value, max) : fallback
}

/** `page[number]` from 1 and `page[size]`, 20 by default and 100 at most. */
export function pageOf(ctx: Context): Page {
  const number = whole(ctx.query['page[number]'], 1, 1_000_000)
  const size = whole(ctx.query['page[size]'], 20, 100)
  return { number, size, offset: (number - 1) * size }
}

/** meta.pagination and links. A page past the end keeps the number that was asked for. */
export function pagination(ctx: Context, page: Page, totalCount: number) {
  const totalPages = Math.max(1, Math.ceil(totalCount / page.size))
  const prev = page.number > 1 ? Math.min(page.number - 1, totalPages) : null
  const next = page.number < totalPages ? page.number + 1 : null
  const link = (number: number | null): string | null => {
    if (number === null) return null
    const url = new URL(ctx.koa.url, 'http://x')
    url.searchParams.set('page[number]', String(number))
    url.searchParams.set('page[size]', String(page.size))
    return url.pathname + url.search
  }
  return {
    meta: {
      pagination: {
        'current-page': page.number,
        'page-size': page.size,
        'prev-page': prev,
        'next-page': next,
        'total-pages': totalPages,
        'total-count': totalCount,
      },
    },
    links: { self: link(page.number), first: link(1), prev: link(prev), next: link(next), last: link(totalPages) },
  }
}
