import type { copyProve, copySend, DataOf } from '../../../events/index.ts'
import type { Progress } from '../../progress.ts'
import type { Context } from '../function.ts'
import type { Missing, Offer } from './offer.ts'
import type { CopyPlace } from './places.ts'
import type { CopyThere, GoodArchive } from './to-copy.ts'
import { waysToDisk } from './ways-to-disk.ts'
import { waysToVault } from './ways-to-vault.ts'

type OnProgress = (progress: Progress) => void

/** How an archive came there: what `copy.prove` is told of it, and how many bytes were written or sent. */
export interface Sent extends Pick<DataOf<typeof copyProve>, 'as' | 'read'> {
  bytes: number
}

/** What became of a copy. `file`: which one it is; undefined where it is not what was recorded. */
export interface Proof {
  file: string | undefined
}

/** What the chain of a copy does with a place of either kind. What cannot be done is thrown. */
export interface Ways {
  /** Why it is not there now, as a disk in a drawer; undefined where it is. */
  absence(): Promise<string | undefined>
  /** Makes it ready to be looked at and to be written to. @returns What is to be warned of. */
  open(): Promise<string[]>
  /** The copies that it has of a source. */
  has(source: string): Promise<CopyThere[]>
  /** How an archive that it has not got comes there. */
  missing(archive: GoodArchive, source: string, there: readonly CopyThere[]): Missing
  /** Removes what copies that were cut off have left, and nobody will go on with. */
  tidy(missing: readonly Missing[]): Promise<void>
  send(sending: DataOf<typeof copySend>, onProgress: OnProgress): Promise<Sent>
  prove(proving: DataOf<typeof copyProve>, onProgress: OnProgress): Promise<Proof>
  /** Whether copies are read again from here; a vault does that by itself. */
  readonly isReadAgain: boolean
  /** Removes what `keep` does not keep. @returns What is gone, and what could not be removed. */
  prune(offer: Offer): Promise<{ gone: string[]; problems: string[] }>
}

/** What can be done with a place in this run. */
export function waysTo(place: CopyPlace, context: Context): Ways {
  return place.kind === 'disk' ? waysToDisk(place, context) : waysToVault(place, context)
}
