/** Tests that are not run: each would wait for minutes for what this server cannot have. They count as skipped. */
export const notRun: Readonly<Record<string, string>> = {
  TestCostEstimatesRead_RunDependent: 'the price service of HCP',
  TestRunsRead_CostEstimate_RunDependent: 'the price service of HCP',
}

/**
 * Tests that pass or fail by chance, whatever the server does; they are no regressions. Each takes the first entry of a
 * list that is sorted by random names for the one that it made.
 */
export const byChance: ReadonlySet<string> = new Set(['TestProjectsList', 'TestWorkspacesList_RunDependent'])
