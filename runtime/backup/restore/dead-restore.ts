import {
  readStored,
  restoreFinish,
  restorePlace,
  restoreStart,
  restoreUnpack,
  type StoredRestoreRequest,
} from '../../../events/index.ts'
import type { DeadLetter } from '../../core/bus/journal.ts'
import type { Restore } from './perform.ts'

const steps = [restoreStart, restoreUnpack, restorePlace, restoreFinish].map(({ type }) => type)

/**
 * What to type where a step of a restore was given up.
 * @returns undefined for a dead letter that is no step of a restore.
 */
export function adviceForRestore({ event }: Pick<DeadLetter, 'event'>): string | undefined {
  if (!steps.includes(event.type as (typeof steps)[number])) return undefined
  const request = readStored(restoreStart, event.data).data?.request
  if (event.type === restoreStart.type && request?.do === 'undo') return `hdsync restore --undo ${request.id}`
  const going = goingOn({ event })
  if (going) return `hdsync restore --resume ${going.id}`
  if (event.type === restoreFinish.type) return `hdsync show ${event.runid} tells how the restore went`
  return 'nothing was touched: restore it again, which plans it anew'
}

/** Dead letters of a restore that goes on or is taken back: with that they are settled. */
export function lettersSettledBy(request: StoredRestoreRequest, letters: readonly DeadLetter[]): number[] {
  if (request.do === 'restore') return []
  return letters
    .filter((letter) => {
      const going = goingOn(letter)
      return going?.id === request.id && going.root === request.root
    })
    .map(({ id }) => id)
}

/** The restore that may have been cut off. */
function goingOn({ event }: Pick<DeadLetter, 'event'>): Restore | undefined {
  if (event.type === restorePlace.type) return readStored(restorePlace, event.data).data
  if (event.type !== restoreStart.type) return undefined
  const request = readStored(restoreStart, event.data).data?.request
  return request?.do === 'resume' ? request : undefined
}
