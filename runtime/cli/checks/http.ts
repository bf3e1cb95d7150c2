import type { Config } from '../../config/config.ts'
import { ConfigError } from '../../config/problem.ts'
import { socketPath } from '../../config/socket.ts'
import { expiryText, readCertificate } from '../../http/tls/certificate.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Whether the port of the daemon takes what is sent to it. */
export function checkPort(config: Pick<Config, 'http' | 'state'>): Finding[] {
  const { listen, tokenFile } = config.http ?? {}
  if (!listen || tokenFile) return []
  const finding = `${listen.host}:${listen.port} has no token: it answers questions, and takes signed webhooks but no events (403)`
  const remedy = `(umask 077; openssl rand -hex 32 > /etc/hdsync/http.token), then \`tokenFile: /etc/hdsync/http.token\` under \`http:\`; or send to the socket ${socketPath(config)}, which needs none`
  return [warning('http.no-token', 'http', finding, remedy)]
}

/** Whether the port can be reached over TLS, where it is to be. @param now In ms since 1970. */
export function checkCertificate({ http }: Pick<Config, 'http'>, now: number): Finding[] {
  if (!http?.tls) return []
  const { certFile } = http.tls
  try {
    const certificate = readCertificate(http.tls)
    const expiry = expiryText(certificate, now)
    if (expiry) return [warning('http.tls', 'http', `the certificate in ${certFile} ${expiry}`, renewal)]
    const until = new Date(certificate.endsAt).toISOString().slice(0, 10)
    return [ok('http.tls', 'http', `the certificate in ${certFile} is good until ${until}`)]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ file, key, expected, found, hint }) =>
      warning('http.tls', 'http', `${file}: ${key}: expected ${expected}, found ${found}`, hint ?? both),
    )
  }
}

const renewal = 'renew it, such as by certbot renew: the new one is taken when somebody connects'
const both = 'name a certificate in PEM and the key that fits it under `http.tls`'
