/**
 * Works on every row, one after the other: one that fails does not keep the others waiting.
 * @returns the sum of what the work returned
 * @throws Error the first failure, after the rest
 */
export async function forEach<T>(rows: readonly T[], work: (row: T) => Promise<number>): Promise<number> {
  let sum = 0
  const failures: unknown[] = []
  for (const row of rows) {
    try {
      sum += await work(row)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return sum
}
