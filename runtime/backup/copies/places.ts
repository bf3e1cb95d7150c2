import type { Config, Target } from '../../config/config.ts'
import type { Vault } from '../../config/copies.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import type { KeepRules } from '../keep/tiers.ts'

interface Place {
  name: string
  /** The sources whose archives it gets. */
  sources: readonly string[]
  /** What stays there; undefined where everything does, or where the place itself decides. */
  rules: KeepRules | undefined
  /** How long it may go without having everything, in milliseconds. */
  alertAfterMs: number
}

/** A disk of this machine that gets copies. */
export interface DiskPlace extends Place {
  kind: 'disk'
  target: Target
}

/** A vault of another machine that gets copies. */
export interface VaultPlace extends Place {
  kind: 'vault'
  vault: Vault
}

/** A place that gets copies of archives. */
export type CopyPlace = DiskPlace | VaultPlace

type Parts = Pick<Config, 'copies' | 'targets' | 'sources'>

/** The places of a config, in its order. */
export function copyPlaces(config: Parts): CopyPlace[] {
  return Object.keys(config.copies ?? {}).flatMap((name) => placeIn(config, name) ?? [])
}

/** @throws {TerminalError} The config has changed since the run began. */
export function copyPlace(config: Parts, name: string): CopyPlace {
  const place = placeIn(config, name)
  if (!place) throw new TerminalError(`copy ${name} is not in the config any more`)
  return place
}

const howToCopy =
  'copies: { usb: { target: NAME } } has archives copied to another disk, { offsite: { ssh: USER@HOST, … } } to a vault'

/**
 * The copies of the config that are meant, in its order.
 * @param names All, where there are none.
 * @throws {UsageError} One of them is no copy of the config, or that has none.
 */
export function copiesMeant(
  names: readonly string[],
  config: Pick<Config, 'copies' | 'file'>,
): [string, ...string[]] {
  const known = Object.keys(config.copies ?? {})
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new UsageError(`there is no copy ${JSON.stringify(unknown)} in ${config.file}`, {
      hint: known.length > 0 ? (didYouMean(unknown, known) ?? `it has ${known.join(', ')}`) : howToCopy,
    })
  }
  const [first, ...rest] = names.length > 0 ? known.filter((name) => names.includes(name)) : known
  if (first === undefined) throw new UsageError('there is no `copies:` in the config', { hint: howToCopy })
  return [first, ...rest]
}

function placeIn({ copies, targets, sources }: Parts, name: string): CopyPlace | undefined {
  const copy = copies?.[name]
  if (!copy) return undefined
  const { keep, alert, vault } = copy
  const archived = Object.values(sources).filter(({ archive }) => archive)
  const place = {
    ...{ name, alertAfterMs: alert.after },
    sources: archived.map((source) => source.name).filter((one) => copy.sources?.includes(one) ?? true),
    rules: keep && { ...keep },
  }
  if (vault) return { ...place, kind: 'vault', vault }
  const target = targets[copy.target]
  return target && { ...place, kind: 'disk', target }
}
