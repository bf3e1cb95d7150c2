// The only file that anything outside of this folder imports. Behind it an archive is put together of pieces: segments of
// the mirror that each are a compressed frame of their own, so that the next archive can take those that have not changed.

export type { Contents } from './archive-assembly.ts'
export type { ArchiveIndex } from './archive-index.ts'
export { ArchiveIndexes } from './archive-indexes.ts'
export { ArchiveTail, readTailHeader, type SegmentPlace } from './archive-tail.ts'
export { assembleVerified } from './assemble-verified.ts'
export { frameLengths, readSeekTable } from './seek-table.ts'
export { isKeyed, segmentTag, tagBytes } from './segment-tag.ts'
export type { Member } from './tar-member.ts'
export { TarSplitter } from './tar-splitter.ts'
