import { catalogue } from '../../events/index.ts'
import { matchesEvent } from '../../events/pattern.ts'
import { didYouMean } from '../nearest.ts'
import type { NotifyHook } from './notify.ts'
import { quote } from './problem.ts'

export interface Warning {
  path: PropertyKey[]
  message: string
}

/** What will not do what its author hopes for. */
export function warningsOf(hooks: readonly NotifyHook[]): Warning[] {
  return hooks.flatMap(unmatched)
}

/** Not an error: functions of the user's own may emit events that are not in the catalogue. */
function unmatched({ on }: NotifyHook, i: number): Warning[] {
  const types = [...catalogue.keys()]
  return on.flatMap((pattern, j) => {
    if (types.some((type) => matchesEvent(pattern, type))) return []
    const hint = didYouMean(pattern, types) ?? 'it is told of events of your own functions alone'
    return [{ path: ['notify', i, 'on', j], message: `${quote(pattern)} is no event of hdsync; ${hint}` }]
  })
}
