import { KEYS_TOPIC } from './data-keys.ts'
import type { Live } from './live.ts'
import type { Logger } from './log.ts'
import type { Secrets } from './secrets.ts'

/** Longest that a living process does not know of a new data key, or of its turn. */
export const REFRESH_MS = 10_000

/** Follows the data keys while the process runs. Without the database nothing can be sealed with any key. */
export function keepDataKeysFresh(secrets: Secrets, live: Live, log: Logger): () => void {
  let turn: NodeJS.Timeout | undefined
  const refresh = () => {
    secrets.refresh().then(
      (waitMs) => {
        clearTimeout(turn)
        if (waitMs !== undefined && waitMs < REFRESH_MS) turn = setTimeout(refresh, waitMs).unref()
      },
      (error: Error) => log.warn({ err: error.message }, 'the data keys cannot be read'),
    )
  }
  const timer = setInterval(refresh, REFRESH_MS).unref()
  const unsubscribe = [live.subscribe(KEYS_TOPIC, refresh), live.subscribe('reconnected', refresh)]
  return () => {
    clearInterval(timer)
    clearTimeout(turn)
    for (const off of unsubscribe) off()
  }
}
