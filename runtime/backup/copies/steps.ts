import { type CopyResult, type CopyStep, copyFinish, copyOffer, type InputOf } from '../../../events/index.ts'
import { endedBy, reasonOf } from '../../errors.ts'
import { isBusy } from '../../host/copies/vault/ssh-errors.ts'

/** The step at which a place has its turn. */
export function beginPlace(copy: string, so: Pick<CopyStep, 'rest' | 'results' | 'named'>): CopyStep {
  return { copy, ...so, archives: 0, bytes: 0, passed: [], problems: [] }
}

/** What of the data of an event is about the step alone. */
export function stepOf(data: CopyStep): CopyStep {
  const { copy, rest, results, named, archives, bytes, passed, problems } = data
  return { copy, rest, results, named, archives, bytes, passed, problems }
}

/** Names an archive among those that are not attempted again. */
export function passedName({ source, sha256 }: { source: string; sha256: string }): string {
  return `${source} ${sha256}`
}

/** Names what stood in the place of a copy, and was another file: it is not read again. */
export function notTheCopy(archive: { source: string; sha256: string }): string {
  return `stands ${passedName(archive)}`
}

/** The step after an archive that could not be copied. */
export function without(
  data: CopyStep & { source: string; sha256: string; at: string },
  problem: string,
): CopyStep {
  const step = stepOf(data)
  return {
    ...step,
    passed: [...step.passed, passedName(data)],
    problems: [...step.problems, `${data.source} of ${data.at.slice(0, 10)}: ${problem}`],
  }
}

/** How it went with a place. */
export function resultOf(
  { copy, archives, bytes, problems }: CopyStep,
  end: { state: CopyResult['state']; waiting?: number | null; error?: string },
): CopyResult {
  const error = [...problems, ...(end.error === undefined ? [] : [end.error])].join('; ')
  const state = end.state === 'succeeded' && error !== '' ? 'failed' : end.state
  return { copy, state, archives, bytes, waiting: end.waiting ?? null, error: error === '' ? null : error }
}

type Emit = <E extends typeof copyOffer | typeof copyFinish>(event: E, data: InputOf<E>) => void

/** Goes on with the next place, or ends the run. */
export function endPlace(step: CopyStep, result: CopyResult, emit: Emit): void {
  const results = [...step.results, result]
  const [next, ...rest] = step.rest
  if (next === undefined) emit(copyFinish, { results, error: null, cancelled: false })
  else emit(copyOffer, beginPlace(next, { rest, results, named: step.named }))
}

/** Goes on after an archive that could not be copied. A vault that was waited for in vain is left: it takes no other one either. */
export function passOver(
  data: CopyStep & { source: string; sha256: string; at: string },
  error: unknown,
  emit: Emit,
): void {
  const step = without(data, reasonOf(error))
  if (isBusy(error)) endPlace(step, resultOf(step, { state: 'failed' }), emit)
  else emit(copyOffer, step)
}

/** Ends a run in the middle of a place. */
export function breakOff(step: CopyStep, reason: unknown, emit: Emit): void {
  const { error, cancelled } = endedBy(reason)
  const result = resultOf(step, { state: cancelled ? 'cancelled' : 'failed', error })
  emit(copyFinish, { results: [...step.results, result], error, cancelled })
}
