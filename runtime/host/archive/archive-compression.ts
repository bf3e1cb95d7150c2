import { constants, gzipSync, zstdCompressSync } from 'node:zlib'

export type Compression = 'zstd' | 'gzip' | 'none'

/** How an archive is compressed. */
export interface Packing {
  compression: Compression
  /** As zstd(1) and gzip(1) have it; theirs unless given. */
  level: number | undefined
}

/** How the names of archives end. */
export const extensions: Record<Compression, string> = { zstd: '.tar.zst', gzip: '.tar.gz', none: '.tar' }

/**
 * Compresses some bytes by themselves. What comes of them may stand one after the other: decompressed, that is what was
 * given, one after the other.
 * @see RFC 8878, 3.1 "Frames"; RFC 1952, 2.2 "File format"
 */
export function pack(bytes: Uint8Array, { compression, level }: Packing): Uint8Array {
  if (compression === 'none') return bytes
  if (compression === 'gzip') return gzipSync(bytes, { level: level ?? 6 })
  return zstdCompressSync(bytes, {
    // A checksum tells the decompressor what is damaged; gzip always has one.
    params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: level ?? 3 },
    pledgedSrcSize: bytes.length,
    // In one piece: put together of many, it takes twice the time.
    chunkSize: bytes.length + (bytes.length >> 7) + 1024,
  })
}
