import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import type { Stack } from '../support/stack.ts'

const HolderRow = z.object({ claimed_by: z.string() })

/** Kills the worker that holds the phase with kill -9. @returns its index in `stack.workers` */
export async function killHolder(stack: Stack, run: string, phase: 'plan' | 'apply'): Promise<number> {
  const { claimed_by } = await stack.db.one(sql.type(HolderRow)`
    select claimed_by
    from phases
    where run_id = ${run} and kind = ${phase}`)
  const index = Number(claimed_by.split('-')[1]) - 1
  stack.workers[index]!.kill('SIGKILL')
  await stack.workers[index]!.ended
  return index
}
