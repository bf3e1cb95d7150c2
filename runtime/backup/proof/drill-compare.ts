import type { Entry } from '../../host/points/entry.ts'

/** An entry that was restored, with the digest of its contents where it is a file. */
export type Found = Entry

/**
 * What an entry has otherwise than it was recorded.
 * @param found What was restored in its place; undefined where nothing was.
 * @returns Sentences; none where they are equal, as far as that is recorded.
 */
export function differences(recorded: Entry, found: Found | undefined): string[] {
  const say = (what: string) => `${recorded.path.toString() || 'the folder itself'}: ${what}`
  if (!found) return [say('it was not restored')]
  if (found.type !== recorded.type) return [say(`it is a ${found.type}, and was a ${recorded.type}`)]
  const told: string[] = []
  const differs = (what: string, is: unknown, was: unknown) => {
    if (is !== was) told.push(say(`${what} is ${is}, and was ${was}`))
  }
  if (recorded.type === 'file') differs('its size', found.sizeBytes, recorded.sizeBytes)
  if (recorded.type === 'symlink') {
    differs('what it links to', found.linkTo?.toString(), recorded.linkTo?.toString())
  } else {
    // A link has no mode of its own.
    differs('its mode', found.mode.toString(8), recorded.mode.toString(8))
  }
  differs('its owner', `${found.uid}:${found.gid}`, `${recorded.uid}:${recorded.gid}`)
  if (!isSameTime(found.mtimeNs, recorded.mtimeNs)) {
    told.push(say(`its time is ${timeText(found.mtimeNs)}, and was ${timeText(recorded.mtimeNs)}`))
  }
  if (recorded.sha256 !== undefined && found.sha256 !== recorded.sha256) {
    told.push(say('its contents are not what was recorded'))
  }
  return told
}

/**
 * Names that were one file and are not any more.
 * @param recorded All that was asked for. @param inodeOf Which file a path has come to be.
 */
export function brokenLinks(
  recorded: readonly Entry[],
  inodeOf: (path: Buffer) => string | undefined,
): string[] {
  const asked = new Set(recorded.map(({ path }) => path.toString('latin1')))
  return recorded.flatMap(({ path, hardLinkTo }) => {
    if (!hardLinkTo || !asked.has(hardLinkTo.toString('latin1'))) return []
    const [one, other] = [path, hardLinkTo].map(inodeOf)
    return one !== undefined && one === other
      ? []
      : [`${path}: it is not the same file as ${hardLinkTo} any more`]
  })
}

/** Where the medium has no fractions of a second, whole seconds are compared. */
function isSameTime(one: bigint, other: bigint): boolean {
  const perSecond = 1_000_000_000n
  if (one === other) return true
  if (one % perSecond !== 0n && other % perSecond !== 0n) return false
  return one / perSecond === other / perSecond
}

function timeText(ns: bigint): string {
  return `${new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)} and ${ns % 1_000_000_000n} ns`
}
