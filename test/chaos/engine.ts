import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clients } from '../support/clients.ts'

/** The version under which the stand-in is known. */
export const STAND_IN = '1.99.0'

/** An engine folder with the real engines and the stand-in, which notes in the journal what it applies. */
export async function makeEngines(folder: string, journal: string): Promise<string> {
  const { terraform, tofu, versions } = await clients()
  for (const [name, path] of Object.entries({ terraform, tofu })) {
    const place = join(folder, name, versions[name as 'terraform' | 'tofu'])
    await mkdir(place, { recursive: true })
    await symlink(path, join(place, name))
  }
  const place = join(folder, 'terraform', STAND_IN)
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'terraform'), standIn(journal))
  await chmod(join(place, 'terraform'), 0o755)
  return folder
}

/**
 * Behaves as terraform does for the commands that a phase runs, in milliseconds. An apply reads the state that lies
 * there, writes it twice with a higher serial and its run in it, and ends early, with its state, when it is interrupted.
 * Journal, one word group a line: `begin RUN WORKSPACE SERIAL-BEFORE`, `wrote RUN WORKSPACE SERIAL`, `end RUN WORKSPACE SERIAL`.
 */
const standIn = (journal: string): string => `#!/bin/sh
journal='${journal}'
state="../state/workspaces/$TF_WORKSPACE/terraform.tfstate"
pause() { sleep "\${CHAOS_SLEEP:-0.2}" & wait $!; }
write() {
  echo "{\\"version\\":4,\\"terraform_version\\":\\"${STAND_IN}\\",\\"serial\\":$1,\\"lineage\\":\\"$lineage\\",\\"outputs\\":{\\"run\\":{\\"value\\":\\"$TFC_RUN_ID\\",\\"type\\":\\"string\\"}},\\"resources\\":[],\\"check_results\\":null}" > "$state"
  echo "wrote $TFC_RUN_ID $TF_WORKSPACE $1" >> "$journal"
}
case $1 in
  version) echo '{"terraform_version":"${STAND_IN}"}' ;;
  init)
    if [ -n "$CHAOS_INIT_FAILS" ]; then
      echo 'Error: the module cannot be had'
      # the first time it stays for a while, so that its worker can be killed
      if mkdir "$journal.init" 2> /dev/null; then sleep 60 & wait $!; fi
      exit 1
    fi
    echo 'Initialized.' ;;
  providers) echo '{"format_version":"1.0"}' ;;
  show) echo '{"format_version":"1.2","terraform_version":"${STAND_IN}","planned_values":{"root_module":{}},"configuration":{"root_module":{}},"resource_changes":[{"address":"terraform_data.a","mode":"managed","type":"terraform_data","name":"a","provider_name":"terraform.io/builtin/terraform","change":{"actions":["create"],"before":null,"after":{},"after_unknown":{},"before_sensitive":false,"after_sensitive":{}}}]}' ;;
  plan)
    for word; do case $word in -out=*) out=\${word#-out=} ;; esac; done
    trap 'exit 1' INT
    echo 'Planning.'
    pause
    echo 'Planned.'
    echo "plan of $TFC_RUN_ID" > "$out" ;;
  apply)
    serial=0 lineage="lineage-of-$TF_WORKSPACE"
    if [ -s "$state" ]; then serial=$(sed 's/.*"serial":\\([0-9]*\\).*/\\1/' "$state"); fi
    echo "begin $TFC_RUN_ID $TF_WORKSPACE $serial" >> "$journal"
    trap 'echo Interrupted.; write $((serial + 2)); exit 1' INT
    echo 'Applying.'
    write $((serial + 1))
    pause
    trap '' INT
    write $((serial + 2))
    echo "end $TFC_RUN_ID $TF_WORKSPACE $((serial + 2))" >> "$journal"
    echo 'Apply complete!' ;;
esac
`
