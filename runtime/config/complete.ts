import { createHash } from 'node:crypto'
import type { Config } from './config.ts'

/** A config but for what follows from its text. */
export type Settings = Omit<Config, 'digest'>

/** The config that a text says. */
export function complete(settings: Settings, text: string): Config {
  return {
    ...settings,
    // Only a few commands ask for it, and to load what makes it takes as long as to read the config.
    get digest() {
      return createHash('sha256').update(text).digest('hex')
    },
    sources: byNameAlone(settings.sources),
    targets: byNameAlone(settings.targets),
  }
}

/** Without a prototype, so that `constructor` is no source unless it is in the file. */
function byNameAlone<T>(parts: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null), parts)
}
