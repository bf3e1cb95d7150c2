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
  return 'nothing was touched: restore it into the same folder again, which plans it anew and closes this'
}

/**
 * Dead letters that are settled by what is asked for: those of the restore that goes on or is taken back, or those of one that
 * touched nothing and is asked for again, into the same folder.
 */
export function lettersSettledBy(request: StoredRestoreRequest, letters: readonly DeadLetter[]): number[] {
  const isSettled = (letter: DeadLetter) => {
    if (request.do === 'restore') return untouchedRoot(letter) === request.root
    const going = goingOn(letter)
    return going?.id === request.id && going.root === request.root
  }
  return letters.filter(isSettled).map(({ id }) => id)
}

/** The folder that a restore was to go to which touched nothing. */
function untouchedRoot({ event }: Pick<DeadLetter, 'event'>): string | undefined {
  if (event.type === restoreUnpack.type) return readStored(restoreUnpack, event.data).data?.root
  if (event.type !== restoreStart.type) return undefined
  const request = readStored(restoreStart, event.data).data?.request
  return request?.do === 'restore' ? request.root : undefined
}

/** The restore that may have been cut off. */
function goingOn({ event }: Pick<DeadLetter, 'event'>): Restore | undefined {
  if (event.type === restorePlace.type) return readStored(restorePlace, event.data).data
  if (event.type !== restoreStart.type) return undefined
  const request = readStored(restoreStart, event.data).data?.request
  return request?.do === 'resume' ? request : undefined
}
