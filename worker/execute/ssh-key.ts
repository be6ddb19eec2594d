import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workdir } from './workdir.ts'

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`

/**
 * Puts the workspace's private key beside the archive, for Git alone, and gives back the command with which Git uses
 * it and no other. A host is trusted at its first sight, for this phase only: nobody is there to be asked.
 */
export async function writeSshKey(dir: Workdir, privateKey: string): Promise<string> {
  const file = join(dir.root, 'ssh-key')
  await writeFile(file, privateKey, { mode: 0o600 })
  const known = quoted(join(dir.root, 'known-hosts'))
  return `ssh -F /dev/null -i ${quoted(file)} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${known}`
}
