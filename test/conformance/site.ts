import { insertUser } from '../../shared/users/users.ts'
import { document } from '../support/server.ts'
import type { Stack } from '../support/stack.ts'

/** Versions that the suite looks for or sets. Nothing is downloaded from the addresses. */
const versions = {
  terraform: ['0.10.0', '0.11.0', '0.11.1', '0.15.4', '1.0.0', '1.0.4'],
  opa: ['0.59.0'],
  sentinel: ['0.22.1'],
}

/**
 * What the suite expects of a site before it begins, as an installation of Terraform Enterprise has it from the first
 * day: its admins have added some versions of the tools, and there is a second account.
 */
export async function prepareSite(stack: Stack): Promise<void> {
  for (const [tool, list] of Object.entries(versions)) {
    for (const version of list) {
      const url = `https://releases.example.com/${tool}_${version}_linux_amd64.zip`
      const attributes = { version, url, sha: '0'.repeat(64), official: true }
      const answer = await stack.api.post(`/admin/${tool}-versions`, document(attributes))
      if (answer.status !== 201) throw new Error(`${tool} ${version}: ${answer.status} ${answer.text}`)
    }
  }
  const name = 'admin-security-maintenance'
  const email = `${name}@acme.example`
  await insertUser(stack.db, { username: name, email, passwordHash: null })
  const organization = await stack.makeOrganization()
  const invited = await stack.api.post(
    `/organizations/${organization}/organization-memberships`,
    document({ email }, { teams: { data: [] } }),
  )
  if (invited.status !== 201) throw new Error(`${name}: ${invited.status} ${invited.text}`)
}
