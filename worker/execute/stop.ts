import type { PhaseHandle } from '../../shared/phase.ts'
import { Stopped } from './failure.ts'

export type Wish = 'cancel' | 'force' | 'lost'

/** The latest wish that a phase should stop, from the handle or from the executor itself. */
export class Stop {
  #wish: Wish | undefined
  readonly #listeners = new Set<(wish: Wish) => void>()
  readonly #abort = new AbortController()
  /** Aborts what is no engine: downloads, unpacking. */
  readonly signal = this.#abort.signal

  constructor(handle: Pick<PhaseHandle, 'signal' | 'onStop'>) {
    handle.onStop((wish) => this.request(wish))
    if (handle.signal.aborted)
      this.request(
        handle.signal.reason === 'cancel' || handle.signal.reason === 'force' ? handle.signal.reason : 'lost',
      )
  }

  get wish(): Wish | undefined {
    return this.#wish
  }

  /** 'lost' is final: whoever took the phase over decides what it becomes. */
  request(wish: Wish): void {
    if (this.#wish === 'lost' || this.#wish === wish) return
    this.#wish = wish
    for (const listener of this.#listeners) listener(wish)
    this.#abort.abort(new Stopped())
  }

  /** Calls the listener for the present wish, if any, and each later one; returns how to end that. */
  listen(listener: (wish: Wish) => void): () => void {
    this.#listeners.add(listener)
    if (this.#wish) listener(this.#wish)
    return () => this.#listeners.delete(listener)
  }

  throwIfRequested(): void {
    if (this.#wish) throw new Stopped()
  }
}
