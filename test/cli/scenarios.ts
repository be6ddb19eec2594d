import type { Scenario } from './scenario.ts'
import { applyScenarios } from './scenarios/apply.ts'
import { initScenarios } from './scenarios/init.ts'
import { interruptScenarios } from './scenarios/interrupt.ts'
import { loginScenarios } from './scenarios/login.ts'
import { planScenarios } from './scenarios/plan.ts'
import { localScenarios, stateScenarios } from './scenarios/state.ts'
import { workspaceScenarios } from './scenarios/workspaces.ts'

/** The rows of the table, in its order. */
export const scenarios: readonly Scenario[] = [
  ...loginScenarios,
  ...initScenarios,
  ...workspaceScenarios,
  ...planScenarios,
  ...applyScenarios,
  ...interruptScenarios,
  ...localScenarios,
  ...stateScenarios,
]
