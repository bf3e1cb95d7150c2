import { hostname } from 'node:os'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/http.ts'
import { loadConfig } from '../../config/load.ts'
import { systemClock } from '../../core/clock.ts'
import { UsageError } from '../../errors.ts'
import { openSessions } from '../../http/session/sessions.ts'
import { daemonOf } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { leadBrowser } from '../open/lead-browser.ts'
import { setUpPort } from '../open/set-up.ts'

export interface OpenOptions {
  config?: string
  json?: boolean
  /** Sets the port up where there is none: an address, or true for the usual one. */
  setUp?: string | boolean
}

/** Where the page is served unless another address is named. */
const usualAddress = '127.0.0.1:7227'

/**
 * `hdsync open`: prints a link that lets somebody into the page, once and within five minutes. Where a desktop is, its browser is
 * led there.
 * @throws {UsageError} No port is configured, or no daemon is to be had.
 */
export async function openCommand(options: OpenOptions, io: Io): Promise<number> {
  let config = await loadConfig({ path: options.config, env: io.env })
  if (!config.http?.listen) {
    const address = options.setUp === true ? usualAddress : options.setUp
    if (!address) throw noPort(config)
    await setUpPort(config, address, io)
    config = await loadConfig({ path: options.config, env: io.env })
  }
  // Where systemd listens for it, this wakes it; and it works by this config then.
  if (!(await daemonOf(config))) {
    throw new UsageError('no hdsync listens that could show the page', {
      hint: 'run: systemctl enable --now hdsync.socket, or hdsync serve',
    })
  }
  const code = openSessions(config.state, systemClock).makeCode()
  const link = `${addressOf(config)}/open/${code}`
  io.stdout(options.json ? `${JSON.stringify({ link })}\n` : `${link}\n`)
  if (options.json) return exitCodes.succeeded
  io.stderr('hdsync: it lets you in once, within five minutes\n')
  const { listen } = config.http ?? {}
  if (listen && isLoopback(listen)) {
    io.stderr(
      `hdsync: from elsewhere, first: ssh -L ${listen.port}:127.0.0.1:${listen.port} root@${hostname()}\n`,
    )
  }
  await leadBrowser(link, io)
  return exitCodes.succeeded
}

function noPort({ file }: Config): UsageError {
  return new UsageError('the page has no port: `http.listen` is not in the config', {
    hint: `hdsync open --set-up writes \`http: { listen: ${usualAddress} }\` into ${file}, and has systemd listen there`,
  })
}

/** Where a browser finds the page. */
export function addressOf({ http }: Pick<Config, 'http'>): string {
  const { host, port } = http?.listen ?? { host: '127.0.0.1', port: 0 }
  const isEverywhere = host === '0.0.0.0' || host === '::'
  // A certificate is for a name, as a rule.
  const isByName = isEverywhere || (http?.tls && !isLoopback({ host, port }) && http.hosts.length > 0)
  const name = isByName ? (http?.hosts[0] ?? hostname()) : host.includes(':') ? `[${host}]` : host
  return `${http?.tls ? 'https' : 'http'}://${name}:${port}${http?.base ?? ''}`
}
