import { insertUser } from '../../shared/users/users.ts'
import { publishModule } from '../registry/publish.ts'
import { document } from '../support/server.ts'
import { expectStatus, type Stack } from '../support/stack.ts'

/** Versions that the suite looks for or sets. Nothing is downloaded from the addresses. */
const versions = {
  terraform: ['0.10.0', '0.11.0', '0.11.1', '0.15.4', '1.0.0', '1.0.4'],
  opa: ['0.59.0'],
  sentinel: ['0.22.1'],
}

/**
 * What the suite expects of a site before it begins, as an installation of Terraform Enterprise has it from the first
 * day: its admins have added some versions of the tools, there is a second account, and somebody offers a module for
 * workspaces without code.
 * @returns the id of that offer
 */
export async function prepareSite(stack: Stack): Promise<{ noCodeModuleId: string }> {
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
  return { noCodeModuleId: await offerModule(stack, organization) }
}

async function offerModule(stack: Stack, organization: string): Promise<string> {
  const files = { 'main.tf': 'variable "size" {\n  type = string\n}\n' }
  await publishModule(stack.api, organization, { name: 'offered', provider: 'null' }, '1.0.0', files)
  const module = `/organizations/${organization}/registry-modules/private/${organization}/offered/null`
  const { id } = expectStatus(await stack.api.get(module), 200).json.data
  const offer = document({ 'version-pin': '1.0.0' }, { 'registry-module': { data: { type: 'registry-modules', id } } })
  return expectStatus(await stack.api.post(`/organizations/${organization}/no-code-modules`, offer), 201).json.data.id
}
