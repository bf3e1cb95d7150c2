import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { Problem } from '../problem.ts'

/**
 * Makes the check of the Host header. A web page can make a browser call any address, also one of this box, under
 * a name of its own (DNS rebinding); an address or a name of ours in its place cannot be had that way.
 * @param names What the box is called, beside localhost and its own name.
 */
export function hostCheck(names: readonly string[]): (host: string | undefined) => void {
  const ours = new Set(['localhost', hostname(), ...names].map((name) => name.toLowerCase()))
  return (host) => {
    const name = (host ?? '')
      .replace(/:\d{0,5}$/, '')
      .replace(/^\[(.*)\]$/, '$1')
      .toLowerCase()
    if (isIP(name) || ours.has(name)) return
    throw new Problem(
      'wrong-host',
      `${JSON.stringify(host ?? '')} is no name of this box: \`http.hosts\` names them`,
    )
  }
}

/**
 * Refuses what a browser sends in the name of another web site: without a token on loopback, nothing else would
 * keep such a page from cancelling a run.
 */
export function checkSameSite(header: (name: string) => string | undefined): void {
  const [host, origin, site] = [header('host'), header('origin'), header('sec-fetch-site')]
  const foreign =
    site === undefined
      ? origin !== undefined && hostOf(origin) !== host
      : site === 'cross-site' || site === 'same-site'
  if (foreign)
    throw new Problem('cross-site', `this request was made by a page of ${origin ?? 'another site'}`)
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
