import { X509Certificate } from 'node:crypto'
import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { generate, type SubjectAltNameEntry } from 'selfsigned'

const DAY = 24 * 60 * 60 * 1000

export interface LocalTls {
  certFile: string
  keyFile: string
  /** The certificate of the local authority. */
  caFile: string
  /** The local authority together with the public ones: for SSL_CERT_FILE, which replaces a system's own list. */
  bundleFile: string
}

/**
 * A local authority (10 years) and a server certificate for this machine's names, kept in `<dataDir>/tls`.
 * The server certificate is made again when it ends within 30 days or lacks one of `hosts`.
 */
export async function localTls(dataDir: string, hosts: string[] = []): Promise<LocalTls> {
  const folder = join(dataDir, 'tls')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const files = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'server.pem'),
    keyFile: join(folder, 'server-key.pem'),
    bundleFile: join(folder, 'ca-bundle.pem'),
  }
  const ca = await authority(files.caFile, join(folder, 'ca-key.pem'))
  const names = [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...hosts])]
  if (!(await isGood(files.certFile, ca.cert, names)) || !(await isThere(files.keyFile))) {
    const made = await serverCertificate(ca, names)
    await writeFile(files.keyFile, made.private, { mode: 0o600 })
    await writeFile(files.certFile, `${made.cert}\n`)
  }
  await writeFile(files.bundleFile, `${ca.cert.trim()}\n${await publicAuthorities(files.bundleFile)}\n`)
  return files
}

interface KeyPair {
  cert: string
  key: string
}

async function authority(certFile: string, keyFile: string): Promise<KeyPair> {
  if ((await isThere(certFile)) && (await isThere(keyFile))) {
    const cert = await readFile(certFile, 'utf8')
    if (endsAfter(cert, 30 * DAY)) return { cert, key: await readFile(keyFile, 'utf8') }
  }
  const made = await generate([{ name: 'commonName', value: `TofuTF local authority of ${hostname()}` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + 3650 * DAY),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  await writeFile(keyFile, made.private, { mode: 0o600 })
  await writeFile(certFile, `${made.cert}\n`)
  return { cert: made.cert, key: made.private }
}

const serverCertificate = (ca: KeyPair, names: string[]) =>
  generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca,
    // macOS and browsers refuse server certificates that live longer
    notAfterDate: new Date(Date.now() + 397 * DAY),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(altName) },
    ],
  })

const isIp = (name: string): boolean => /^[\d.]+$|:/.test(name)

const altName = (name: string): SubjectAltNameEntry => (isIp(name) ? { type: 7, ip: name } : { type: 2, value: name })

async function isGood(certFile: string, ca: string, names: string[]): Promise<boolean> {
  if (!(await isThere(certFile))) return false
  const pem = await readFile(certFile, 'utf8')
  const cert = new X509Certificate(pem)
  return (
    endsAfter(pem, 30 * DAY) &&
    cert.verify(new X509Certificate(ca).publicKey) &&
    names.every((name) => (isIp(name) ? cert.checkIP(name) : cert.checkHost(name)) !== undefined)
  )
}

const endsAfter = (pem: string, ms: number): boolean => new X509Certificate(pem).validToDate.getTime() > Date.now() + ms

/** What this system trusts; Node's own list where no such file is known. */
async function publicAuthorities(ours: string): Promise<string> {
  const known = [
    process.env.SSL_CERT_FILE,
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/ca-bundle.pem',
    '/etc/ssl/cert.pem',
  ]
  for (const file of known) if (file && file !== ours && (await isThere(file))) return readFile(file, 'utf8')
  return rootCertificates.join('\n')
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
