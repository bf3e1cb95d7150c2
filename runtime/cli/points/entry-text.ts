import type { Entry, EntryType } from '../../host/points/entry.ts'
import { jsonName } from '../../host/points/json-name.ts'
import { localMinute } from '../../instant.ts'
import { nameText } from './names.ts'

/** An entry as `--json` prints it. */
export function entryJson(entry: Entry): Record<string, unknown> {
  const { path, type, sizeBytes, mtimeNs, mode, uid, gid, linkTo, hardLinkTo, sha256 } = entry
  return {
    ...jsonName('path', path),
    type,
    sizeBytes,
    modifiedAt: isoOfNs(mtimeNs),
    mode: modeOctal(mode),
    uid,
    gid,
    ...(linkTo && jsonName('linkTo', linkTo)),
    ...(hardLinkTo && jsonName('hardLinkTo', hardLinkTo)),
    ...(sha256 !== undefined && { sha256 }),
  }
}

/** With nine digits of the second, in UTC. */
export function isoOfNs(ns: bigint): string {
  const perSecond = 1_000_000_000n
  const rest = ((ns % perSecond) + perSecond) % perSecond
  const seconds = new Date(Number((ns - rest) / 1_000_000n)).toISOString().slice(0, -5)
  return `${seconds}.${String(rest).padStart(9, '0')}Z`
}

/** Four digits: `0644`. */
export function modeOctal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

const letters: Record<EntryType, string> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  'block-device': 'b',
  'character-device': 'c',
}

/** `-rw-r--r--`, as ls(1) has it. */
function modeText({ type, mode }: Pick<Entry, 'type' | 'mode'>): string {
  const special = ['s', 's', 't'] as const
  const bits = [6, 3, 0].map((shift, who) => {
    const part = (mode >> shift) & 7
    const isSpecial = (mode >> (11 - who)) & 1
    const last = isSpecial ? (part & 1 ? special[who] : special[who]?.toUpperCase()) : part & 1 ? 'x' : '-'
    return `${part & 4 ? 'r' : '-'}${part & 2 ? 'w' : '-'}${last}`
  })
  return `${letters[type]}${bits.join('')}`
}

/** The cells of a line of `ls -l`. @param name As it is to be shown. */
export function longCells(entry: Entry, name: string): string[] {
  const { uid, gid, sizeBytes, mtimeNs, linkTo } = entry
  const shown = linkTo ? `${name} -> ${nameText(linkTo)}` : name
  return [
    modeText(entry),
    String(uid),
    String(gid),
    String(sizeBytes),
    localMinute(Number(mtimeNs / 1_000_000n)),
    shown,
  ]
}
