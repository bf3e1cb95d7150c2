import type { Config } from '../../config/config.ts'
import { socketPath } from '../../config/socket.ts'
import { type Finding, warning } from './finding.ts'

/** Whether the port of the daemon takes what is sent to it. */
export function checkPort(config: Pick<Config, 'http' | 'state'>): Finding[] {
  const { listen, tokenFile } = config.http ?? {}
  if (!listen || tokenFile) return []
  const finding = `${listen.host}:${listen.port} has no token: it answers questions, and takes signed webhooks but no events (403)`
  const remedy = `(umask 077; openssl rand -hex 32 > /etc/hdsync/http.token), then \`tokenFile: /etc/hdsync/http.token\` under \`http:\`; or send to the socket ${socketPath(config)}, which needs none`
  return [warning('http.no-token', 'http', finding, remedy)]
}
