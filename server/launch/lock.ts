import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LaunchFailure } from './failure.ts'

/**
 * Claims a data folder for this process until `release`. A lock whose owner is dead is taken over.
 * @throws LaunchFailure when another launcher is running on the folder
 */
export function lockFolder(dataDir: string): { release(): void } {
  const file = join(dataDir, 'launcher.lock')
  const mine = `${process.pid} ${birthOf(process.pid) ?? ''}`
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 })
      return { release: () => read(file) === mine && unlinkSync(file) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const theirs = read(file)
    if (theirs && isAlive(theirs)) {
      throw new LaunchFailure(
        `TofuTF is already running on ${dataDir} (process ${theirs.split(' ')[0]}). Stop it, or set TOFUTF_DATA_DIR and PORT for a second one.`,
      )
    }
    // somebody quicker may have replaced it meanwhile: then it is not the dead one's any more
    if (read(file) === theirs) unlinkSync(file)
  }
  throw new LaunchFailure(`The lock ${file} cannot be taken.`)
}

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function isAlive(owner: string): boolean {
  const [pid, birth] = owner.split(' ')
  if (!Number(pid) || Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  // process ids are used again, above all in containers; the time of birth tells two owners apart
  return !birth || birthOf(Number(pid)) === birth
}

/** Linux: clock ticks between boot and the start of the process. Elsewhere undefined. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'zombie' : fields[19]
  } catch {
    return undefined // no /proc here, or the process is gone
  }
}
