import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { TlsSettings } from '../../runtime/http/tls/certificate.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Makes a certificate of its own for a name, good for `days`, and its key, by openssl(1). */
export function selfSigned(name = 'localhost', days = 90): TlsSettings {
  const folder = temporaryFolder()
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', `${days}`]
  const whose = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const argv = ['req', '-x509', ...kind, ...whose, '-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', argv, { stdio: 'pipe' })
  return { certFile, keyFile }
}
