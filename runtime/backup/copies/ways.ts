import type { CopyStep, copyProve, copySend, DataOf } from '../../../events/index.ts'
import type { Progress } from '../../progress.ts'
import type { CopyFacts, CopyThere, GoodArchive } from './to-copy.ts'

/** An archive that a place has not got, and how it comes by it. */
export type Missing = Omit<DataOf<typeof copySend>, keyof CopyStep> & Pick<DataOf<typeof copyProve>, 'as'>

/** What a place has of a source, and what it has not. */
export interface Offer {
  source: string
  facts: CopyFacts
  missing: Missing[]
}

export type OnProgress = (progress: Progress) => void

/** How an archive came there: what `copy.prove` is told of it, and how many bytes were written or sent. */
export interface Sent extends Pick<DataOf<typeof copyProve>, 'as' | 'read'> {
  bytes: number
}

/** What the chain of a copy does with a place of either kind. What cannot be done is thrown. */
export interface Ways {
  /** Why it is not there now, as a disk in a drawer; undefined where it is. */
  absence(): Promise<string | undefined>
  /** Makes it ready to be looked at and to be written to. @returns What is to be warned of. */
  open(): Promise<string[]>
  /** Looks anew what it has, where this step goes by what it had earlier in the run. @returns Whether it has looked. */
  renew(): Promise<boolean>
  /** The copies that it has of a source. */
  has(source: string): Promise<CopyThere[]>
  /** How an archive that it has not got comes there. */
  missing(archive: GoodArchive, source: string, there: readonly CopyThere[]): Missing
  /** Removes what copies that were cut off have left, and nobody will go on with. */
  tidy(missing: readonly Missing[]): Promise<void>
  send(sending: DataOf<typeof copySend>, onProgress: OnProgress): Promise<Sent>
  /** @returns Which file the copy is; undefined where it is not what was recorded. */
  prove(proving: DataOf<typeof copyProve>, onProgress: OnProgress): Promise<string | undefined>
  /** Whether copies are read again from here; a vault does that by itself. */
  readonly isReadAgain: boolean
  /** Removes what `keep` does not keep. @returns What is gone, and what could not be removed. */
  prune(offer: Offer): Promise<{ gone: string[]; problems: string[] }>
}
