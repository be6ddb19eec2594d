import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { hashPassword, insertUser } from '../../../shared/users/users.ts'
import { makeCli } from '../../support/cli.ts'
import { hostnameOf } from '../../support/cli-config.ts'
import type { Stack } from '../../support/stack.ts'
import { password, Web } from '../../support/web.ts'
import { oneResource, type Scenario } from '../scenario.ts'

/** What the person does in the browser that `login` opens: signs in and allows it. */
async function allow(stack: Stack, username: string, address: string): Promise<void> {
  const web = new Web(stack)
  const { pathname, search, searchParams } = new URL(address.trim())
  await web.get('/app/login')
  await web.signIn(username, password)
  await web.get(pathname + search)
  const answer = await web.post(pathname, { ...Object.fromEntries(searchParams), answer: 'allow' })
  // a port that an earlier login used may be in the pool of connections still
  await fetch(answer.location!, { headers: { connection: 'close' } })
}

export const loginScenarios: Scenario[] = [
  {
    command: 'login',
    fact: 'stores a token that init works with',
    init: false,
    async run({ backend, engine, name, organization, stack, workspace }) {
      const passwordHash = await hashPassword(password)
      const user = { username: name, email: `${name}@people.example`, passwordHash, isSiteAdmin: true }
      await insertUser(stack.db, user)
      const { token: _none, ...server } = stack.server
      const cli = await makeCli(engine, { server })
      // where the clients look by themselves: beside a file that TF_CLI_CONFIG_FILE names they keep no credentials
      await rename(join(cli.home, 'cli.tfrc'), join(cli.home, engine === 'tofu' ? '.tofurc' : '.terraformrc'))
      await mkdir(join(cli.home, '.terraform.d'))
      const env = { BROWSER: 'true', TF_CLI_CONFIG_FILE: '' }
      try {
        const login = await cli.ok(['login', hostnameOf(server)], {
          env,
          steps: [
            { when: 'Enter a value:', answer: 'yes' },
            { when: /https?:\/\/\S+\/oauth\/authorize\?\S+\s/, act: (address) => allow(stack, name, address) },
          ],
        })
        await cli.configure({ backend, organization, workspace: { name: workspace.name } }, oneResource)
        await cli.ok('init -input=false', { env })

        const stored = await readFile(join(cli.home, '.terraform.d', 'credentials.tfrc.json'), 'utf8')
        expect(login.output).to.contain('Success!')
        expect(stored).to.contain(hostnameOf(server))
      } finally {
        await cli.remove()
      }
    },
  },
]
