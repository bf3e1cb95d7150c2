import type { Context } from '../function.ts'
import type { CopyPlace } from './places.ts'
import type { Ways } from './ways.ts'
import { waysToDisk } from './ways-to-disk.ts'
import { waysToVault } from './ways-to-vault.ts'

/** What can be done with a place in this run. */
export function waysTo(place: CopyPlace, context: Context): Ways {
  return place.kind === 'disk' ? waysToDisk(place, context) : waysToVault(place, context)
}
