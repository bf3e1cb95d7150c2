import type { Config } from '../config.ts'

/** Sets `maxDelete` of every source. */
export const ofAllSources = 'maxDelete'

export const limitKey = (source: string): string => `sources.${source}.maxDelete`

/** Whether what is in force of a key is what the hub of the fleet has set. */
export function isSetByHub(key: string, { pushed }: Pick<Config, 'pushed'>): boolean {
  return pushed?.values.some((one) => one.key === key && one.isInForce && one.pushed !== one.own) ?? false
}
