/** How far long work, such as a copy, has come. */
export interface Progress {
  bytes: number
  /** Bytes to do in all; null where that is not known. */
  totalBytes: number | null
  bytesPerSecond: number
}
