import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { configSet } from '../../fleet-protocol.ts'
import type { Config } from '../config.ts'
import { ownText } from '../own-text.ts'
import { merged, ownSettings, pushRequest } from './merge.ts'

/** In the state directory: what the hub has set holds when the hub is away. */
export const pushedFile = 'pushed-config.json'

const kept = z.lazy(() => pushRequest.unwrap().extend({ at: z.iso.datetime() }))
/** What was set, and when, by the clock of this host. */
export type KeptPushed = z.output<typeof kept>

/** @returns undefined where nothing was set, `odd` where what is there cannot be read, or somebody else could have written it. */
export function readPushed(state: string, uid = process.geteuid?.()): KeptPushed | 'odd' | undefined {
  const path = join(state, pushedFile)
  if (!existsSync(path)) return undefined
  try {
    return kept.parse(JSON.parse(ownText(path, uid) ?? ''))
  } catch {
    return 'odd'
  }
}

/** The config of a host with what its hub has set, where it lets it. Nothing but the file of the host says whether it does. */
export function withPushed(config: Config): Config {
  const { fleet } = config
  if (fleet?.role !== 'host') return config
  const found = readPushed(config.state)
  if (found === undefined) return config
  if (found === 'odd') {
    const warning = `${join(config.state, pushedFile)} is not what the hub has set: it is not in force`
    return { ...config, warnings: [...config.warnings, warning] }
  }
  const { number, at, set } = found
  const own = ownSettings(config)
  const { settings, values } = merged(own, set)
  const isObeyed = fleet.obeys.includes(configSet)
  const told = isObeyed ? values : values.map((one) => ({ ...one, isInForce: false, reason: unobeyed }))
  const pushed = { number, at, isObeyed, values: told, own }
  return isObeyed ? { ...config, ...settings, pushed } : { ...config, pushed }
}

const unobeyed = `\`fleet.obeys\` does not name ${configSet}`
