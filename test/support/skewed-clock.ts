/** Loaded with NODE_OPTIONS=--import: the process believes that it is TEST_CLOCK_OFFSET_MS later than it is. */
const offsetMs = Number(process.env.TEST_CLOCK_OFFSET_MS ?? 0)
const RealDate = Date

class SkewedDate extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + offsetMs] : given) as [number]))
  }

  static override now(): number {
    return RealDate.now() + offsetMs
  }
}

globalThis.Date = SkewedDate as DateConstructor
