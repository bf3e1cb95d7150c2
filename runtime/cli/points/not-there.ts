import { type Place, placeText } from '../../backup/restore/place.ts'
import { pointTime } from '../../backup/restore/when.ts'
import { UsageError } from '../../errors.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { nameText } from './names.ts'

/** Says that nothing was at a place. */
export function notThere(place: Place, { at }: Pick<RestorePoint, 'at'>): UsageError {
  return new UsageError(`${nameText(Buffer.from(placeText(place)))} was not there on ${pointTime(at)}`, {
    hint: `hdsync find NAME ${place.source} --all looks through all restore points`,
  })
}
