import type { HostFolder } from '../../host/vault/host-folder.ts'
import { layJoined } from '../../host/vault/joined-base.ts'
import type { HostRecord } from '../../host/vault/record.ts'
import { freeIn } from '../../host/vault/room.ts'
import type { OfferedArchive } from '../../vault-protocol.ts'
import { isThere } from './names.ts'

/** Of less than that it is not worth a copy of the last archive that it need not be sent again. */
const worthBytes = 1024 ** 2

/** What was laid for an archive that comes. */
export interface Laid {
  /** How many bytes rsync can go on from. */
  laidBytes: number
  /** How many of them, at the beginning, are what had come of the archive itself. */
  begunBytes: number
}

/** How much may be laid as a file of its own. */
export interface RoomToLay {
  /** What of the disk stays free. */
  spareBytes: number
  /** By the quota. */
  mostJoinedBytes: number
}

/**
 * Lays what the vault has for rsync to go on from: the last copy of the source; what has come of the archive and then was cut
 * off; or both, one after the other.
 * @param earlier What was laid for it before.
 * @param room How much may be copied for it.
 */
export async function layBase(
  folder: HostFolder,
  { copies }: HostRecord,
  archive: OfferedArchive,
  { earlier, room }: { earlier: number; room: RoomToLay },
): Promise<Laid> {
  const { incoming, base } = folder
  const name = archive.sha256
  for (const old of base.names()) if (old !== name) base.remove(old)
  const last = copies.findLast(
    ({ source, form, damaged, file }) =>
      source === archive.source && form === archive.form && !damaged && isThere(folder, { file }),
  )
  const begunBytes = incoming.look(name)?.size ?? 0
  const laid = base.look(name)?.size
  if (laid !== undefined && earlier > 0 && begunBytes <= earlier) {
    incoming.remove(name)
    return { laidBytes: laid, begunBytes: earlier }
  }
  const isWorth = begunBytes >= worthBytes || (!last && begunBytes > 0)
  if (isWorth) {
    const joinedBytes = begunBytes + (last?.sizeBytes ?? 0)
    const isWhole = begunBytes >= archive.sizeBytes
    base.remove(name)
    const hasRoom =
      joinedBytes <= room.mostJoinedBytes &&
      freeIn(folder.path).bytes >= joinedBytes + archive.sizeBytes + room.spareBytes
    if (!last || isWhole || !hasRoom) return { laidBytes: begunBytes, begunBytes: 0 }
    await layJoined(folder, { name, begunBytes, file: last.file })
    incoming.remove(name)
    return { laidBytes: joinedBytes, begunBytes }
  }
  // What is there, be it empty, would be taken in place of what is laid beside it.
  incoming.remove(name)
  base.remove(name)
  if (!last) return { laidBytes: 0, begunBytes: 0 }
  folder.lay(last.file, name)
  return { laidBytes: last.sizeBytes, begunBytes: 0 }
}
