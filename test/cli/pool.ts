export interface LookAhead<T> {
  /** Starts this task and, as far as there is room, those after it. */
  get(index: number): Promise<T>
  /** Resolves when nothing that was started runs any more; nothing new starts. */
  settle(): Promise<void>
}

/** Runs tasks a few at a time, in order, while somebody asks for one after the other. */
export function lookAhead<T>(tasks: readonly (() => Promise<T>)[], atOnce: number): LookAhead<T> {
  const started = new Map<number, Promise<T>>()
  let running = 0
  let next = 0

  const start = (index: number) => {
    const known = started.get(index)
    if (known) return known
    running += 1
    const task = tasks[index]!().finally(() => {
      running -= 1
      startMore()
    })
    task.catch(() => undefined) // whoever asks for it sees the error
    started.set(index, task)
    return task
  }
  const startMore = () => {
    while (running < atOnce && next < tasks.length) {
      start(next)
      next += 1
    }
  }
  return {
    get(index) {
      next = Math.max(next, index)
      const task = start(index)
      startMore()
      return task
    },
    async settle() {
      next = tasks.length
      await Promise.allSettled(started.values())
    },
  }
}
