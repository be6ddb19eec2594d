/** A phase that cannot go on for a reason the person who started the run can act on. `message` is shown to them. */
export class PhaseFailure extends Error {}

/** The phase was asked to stop; what it became is decided by the wish. */
export class Stopped extends Error {
  constructor() {
    super('the phase was stopped')
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
