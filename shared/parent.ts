/**
 * Calls `stop` once when the launcher that started this process is gone, however it ended (also by kill -9):
 * it holds the other end of an IPC channel. Does nothing in a process that was started without one.
 */
export function stopWhenParentGoes(stop: () => void): void {
  if (!process.channel) return
  process.once('disconnect', stop)
  // waiting for the parent must not keep a process alive that has nothing else to do
  process.channel.unref()
}
