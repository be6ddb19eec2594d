// Publishes modules and providers over the API as their authors do.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { createMessage, generateKey, readPrivateKey, sign } from 'openpgp'
import { archiveOf } from '../support/configurations.ts'
import { type Api, document } from '../support/server.ts'
import { expectStatus } from '../support/stack.ts'

export const put = (url: string, body: Uint8Array): Promise<Response> =>
  fetch(url, { method: 'PUT', body: new Uint8Array(body) })

export async function makeOrganization(api: Api, name: string): Promise<string> {
  expectStatus(await api.post('/organizations', document({ name, email: `ops@${name}.example` })), 201)
  return name
}

/** Makes the module if it is new, and publishes a version. */
export async function publishModule(
  api: Api,
  organization: string,
  module: { name: string; provider: string },
  version: string,
  files: Record<string, string>,
): Promise<void> {
  await api.post(`/organizations/${organization}/registry-modules`, document(module))
  const path = `/registry-modules/${organization}/${module.name}/${module.provider}/versions`
  const made = expectStatus(await api.post(path, document({ version })), 201)
  const answer = await put(made.json.data.links.upload, await archiveOf(files))
  if (!answer.ok) throw new Error(`the upload answered ${answer.status}: ${await answer.text()}`)
}

export interface SigningKey {
  publicKey: string
  privateKey: string
}

export const makeSigningKey = (): Promise<SigningKey> =>
  generateKey({ type: 'ecc', curve: 'ed25519Legacy' as never, userIDs: [{ name: 'Release' }], format: 'armored' })

export async function signDetached(key: SigningKey, bytes: Uint8Array): Promise<Uint8Array> {
  const signed = await sign({
    message: await createMessage({ binary: bytes }),
    signingKeys: await readPrivateKey({ armoredKey: key.privateKey }),
    detached: true,
    format: 'binary',
  })
  return signed as Uint8Array
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const goPlatform = { os: process.platform as string, arch: process.arch === 'x64' ? 'amd64' : process.arch }

export interface ProviderRelease {
  zip: Buffer
  filename: string
  sums: Buffer
}

/** Enough for what installs and does not start it. */
const placeholder = Buffer.from('#!/bin/sh\nexit 1\n')

export function releaseOf(name: string, version: string, executable: Buffer = placeholder): ProviderRelease {
  const zip = zipOf(`terraform-provider-${name}_v${version}`, executable)
  const filename = `terraform-provider-${name}_${version}_${goPlatform.os}_${goPlatform.arch}.zip`
  return { zip, filename, sums: Buffer.from(`${sha256(zip)}  ${filename}\n`) }
}

/** Registers the key, and publishes one version of a private provider for this platform. Answers the key's id. */
export async function publishProvider(
  api: Api,
  organization: string,
  name: string,
  version: string,
  executable: Buffer = placeholder,
): Promise<string> {
  const key = await makeSigningKey()
  const keys = '/api/registry/private/v2/gpg-keys'
  const added = await api.post(keys, document({ namespace: organization, 'ascii-armor': key.publicKey }))
  const keyId: string = expectStatus(added, 201).json.data.attributes['key-id']
  const attributes = { name, namespace: organization, 'registry-name': 'private' }
  await api.post(`/organizations/${organization}/registry-providers`, document(attributes))
  const versions = `/organizations/${organization}/registry-providers/private/${organization}/${name}/versions`
  const made = expectStatus(await api.post(versions, document({ version, 'key-id': keyId, protocols: ['5.0'] })), 201)
  const { zip, filename, sums } = releaseOf(name, version, executable)
  const platform = document({ ...goPlatform, shasum: sha256(zip), filename })
  const listed = expectStatus(await api.post(`${versions}/${version}/platforms`, platform), 201)
  const links = made.json.data.links
  const answers = [
    await put(links['shasums-upload'], sums),
    await put(links['shasums-sig-upload'], await signDetached(key, sums)),
    await put(listed.json.data.links['provider-binary-upload'], zip),
  ]
  for (const answer of answers) {
    if (!answer.ok) throw new Error(`an upload answered ${answer.status}: ${await answer.text()}`)
  }
  return keyId
}

/** A zip with one executable file, stored. */
export function zipOf(name: string, content: Buffer): Buffer {
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt32LE(crc32(content), 10)
  fields.writeUInt32LE(content.length, 14)
  fields.writeUInt32LE(content.length, 18)
  fields.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), content])
  const extra = Buffer.alloc(14)
  // unix mode 0755 in the upper half of the external attributes
  extra.writeUInt32LE((0o100755 << 16) >>> 0, 6)
  const madeBy = Buffer.from([20, 3])
  const central = Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, fields, extra, Buffer.from(name)])
  const end = Buffer.alloc(18)
  end.writeUInt16LE(1, 4)
  end.writeUInt16LE(1, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(local.length, 12)
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06', 'latin1'), end])
}
