import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Config, Target } from './config.ts'

/** In the state directory: by which name of this host the folder of each target was adopted. */
const namesFile = 'targets.json'

/**
 * Puts the name of this host into the paths of targets that ask for it: `%h` is the name, `%%` a percent sign. The name is
 * that by which the target was adopted: a host that is renamed keeps its backups where they are.
 */
export function nameTargets(config: Config): Config {
  const asking = Object.values(config.targets).filter(({ path }) => /%[h%]/.test(path))
  if (asking.length === 0) return config
  const known = adoptedNames(config.state)
  for (const target of asking) {
    const host = known[target.name] ?? hostname()
    config.targets[target.name] = targetOf(target, target.path, host)
  }
  return config
}

/** The same target as this host, by the name that it has now, would adopt it. */
export function namedAnew(target: Target): Target {
  return target.named ? targetOf(target, target.named.pattern, hostname()) : target
}

function targetOf(target: Target, pattern: string, host: string): Target {
  const path = expanded(pattern, host)
  return /%h/.test(pattern.replaceAll('%%', ''))
    ? { ...target, path, named: { pattern, host } }
    : { ...target, path }
}

/** @throws {UsageError} The name of this host cannot be that of a folder. */
export function expanded(pattern: string, host: string): string {
  if (!/^\w[\w.-]*$/.test(host)) {
    throw new UsageError(`the name of this host, ${JSON.stringify(host)}, cannot be part of a path`, {
      hint: 'give it another one (hostnamectl hostname NAME), or write the path without %h',
    })
  }
  return pattern.replace(/%[h%]/g, (found) => (found === '%h' ? host : '%'))
}

/** The first folder in a target's path that is this host's: it, and what is below it, `adopt` makes. */
export function folderOfHost({ path, named }: Target): string | undefined {
  if (!named) return undefined
  const before = named.pattern.slice(0, named.pattern.replaceAll('%%', '\0\0').indexOf('%h'))
  const parents = expanded(before, named.host).split('/').length
  return path.split('/').slice(0, parents).join('/')
}

/** Keeps the name by which a target was adopted. */
export function keepName(state: string, { name, named }: Target): void {
  if (!named) return
  const names = { ...adoptedNames(state), [name]: named.host }
  const file = join(state, namesFile)
  mkdirSync(state, { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, `${JSON.stringify({ hosts: names })}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

/** Where nothing is kept the host goes by the name that it has. */
function adoptedNames(state: string): Record<string, string> {
  try {
    const { hosts } = JSON.parse(readFileSync(join(state, namesFile), 'utf8'))
    const entries = Object.entries(hosts).filter((one): one is [string, string] => typeof one[1] === 'string')
    return Object.assign(Object.create(null), Object.fromEntries(entries))
  } catch {
    return Object.create(null)
  }
}
