import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const blockBytes = 8192
const blocks = 1024

/** The disk without anything above it: overwrites 8 KiB of a file that has its full size, and waits for it. */
export interface Disk {
  write(): void
  close(): void
}

export function openDisk(folder: string): Disk {
  const file = openSync(join(folder, 'disk'), 'w')
  const block = Buffer.alloc(blockBytes, 'x')
  for (let n = 0; n < blocks; n += 1) writeSync(file, block, 0, blockBytes, n * blockBytes)
  fsyncSync(file)
  let at = 0
  return {
    write() {
      writeSync(file, block, 0, blockBytes, (at % blocks) * blockBytes)
      at += 1
      fsyncSync(file)
    },
    close: () => closeSync(file),
  }
}
