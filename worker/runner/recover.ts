import type { App } from '../../shared/app.ts'
import { answerLeftRun, answerLeftState, recoverState } from '../../shared/states/recover.ts'
import { type Leftovers, watchLeftovers } from '../execute/leftovers.ts'

/** Stores what applies of this disk left behind when their runner died. */
export const recoverOnRunner = (app: App): Leftovers =>
  watchLeftovers(
    app.config.workDir,
    {
      ask: (left) => ('md5' in left ? answerLeftState(app, left, null) : answerLeftRun(app, left, null)),
      send: (left, bytes) => recoverState(app, left, bytes, null),
    },
    app.log,
  )
