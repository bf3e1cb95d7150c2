import type { Config, Source } from '../../config/config.ts'
import { isSetByHub, limitKey } from '../../config/pushed/keys.ts'
import type { Failure, LastOutcome } from './failure.ts'
import { remedyFor } from './remedies.ts'
import { type Warning, warningRemedies } from './warnings.ts'

/** All that `why` tells. */
export interface Told {
  source: string
  failure: Failure | undefined
  /** The last success. */
  good: (Success & { warnings: readonly Warning[] }) | undefined
  /** Whether that came after the failure. */
  goodSince: boolean
  /** Snapshots that one run tries. */
  trials: number
  remedy: readonly string[]
}

/** A backup that was made. */
export interface Success {
  run: string
  at: number
}

/** What there is to tell of a source, and what to do about it. */
export function toldOf(source: Source, { failure, good }: LastOutcome, config: Config): Told {
  const goodSince = good !== undefined && failure !== undefined && good.at > failure.at
  const { path = '' } = config.targets[source.target] ?? {}
  const archivesAt = config.archive && config.targets[config.archive.target]?.path
  return {
    source: source.name,
    failure,
    good,
    trials: source.kind === 'lv' ? source.mount.attempts : 1,
    goodSince,
    remedy:
      failure && !goodSince
        ? remedyFor({
            ...{ ...failure, source, archivesAt, mirrorAt: `${path}/${source.name}` },
            isLimitOfHub: isSetByHub(limitKey(source.name), config),
          })
        : good
          ? warningRemedies(good.warnings, source.name, good.run)
          : [],
  }
}
