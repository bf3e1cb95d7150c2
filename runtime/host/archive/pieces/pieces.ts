// The only file that anything outside of this folder imports. Behind it an archive is put together of pieces: segments of
// the mirror that each are a compressed frame of their own, so that the next archive can take those that have not changed.

export { ArchiveIndexes } from './archive-indexes.ts'
export { assembleVerified } from './assemble-verified.ts'
