/** An archive that holds what a new one would hold, if the file is still there and whole. */
export interface EarlierArchive {
  path: string
  sizeBytes: number
  sha256: string
  basis: string
  file: string
  /** When it was written. */
  unchangedSince: string
}
