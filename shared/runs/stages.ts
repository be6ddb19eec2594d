/** Where a run can be held up by others than its engine: run tasks and policies. In the order they come. */
export const stages = ['pre_plan', 'post_plan', 'pre_apply', 'post_apply'] as const
export type Stage = (typeof stages)[number]
