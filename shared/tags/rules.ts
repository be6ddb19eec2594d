const rule = /^[\p{L}\p{N}](?:[\p{L}\p{N} _.:=+\-@/]*[\p{L}\p{N}_])?$/u

/** Letters, numbers, spaces and _.:=+-@/, at most 128 of them. */
export const isTagKey = (key: string): boolean => key.length <= 128 && rule.test(key)
