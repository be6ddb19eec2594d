// Loaded before a worker: its clock is CHAOS_CLOCK_MS ahead of (or behind) everybody else's.
const skewMs = Number(process.env.CHAOS_CLOCK_MS)
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + skewMs)
    else super(...args)
  }
  static now() {
    return RealDate.now() + skewMs
  }
}
