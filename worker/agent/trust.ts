import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { ConfigError } from '../../shared/config.ts'

/** Trusts the system's authorities, as the engines do, and those in SSL_CERT_FILE: that is how a local one is known. */
export function trustAuthorities(certificateFile: string | undefined): void {
  const own = certificateFile ? [readCertificates(certificateFile)] : []
  setDefaultCACertificates([...getCACertificates('default'), ...getCACertificates('system'), ...own])
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`SSL_CERT_FILE cannot be read: ${(error as Error).message}`)
  }
}
