import { constants, linkSync, renameSync, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { vaultAccepted, vaultOdd } from '../../../events/index.ts'
import type { VaultHost } from '../../config/vault.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import { digestOnDisk } from '../../host/archive/disk-read.ts'
import { isStale } from '../../host/copies/prove-copy.ts'
import { removeProving } from '../../host/vault/clear-incoming.ts'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { isOwnFile, proveUnwritten } from '../../host/vault/own.ts'
import {
  addToRecord,
  type HostRecord,
  neverRead,
  type RecordedCopy,
  readRecord,
  syncRecord,
} from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import type { OfferedArchive, VaultCopy, VaultProof } from '../../vault-protocol.ts'
import { decideExpiry, expire, finishExpiry } from './expire.ts'
import { nameIn, namesOfOne } from './names.ts'
import { oddities } from './odd.ts'
import { proveLookedAt, proveNotFlooded, standing } from './offer.ts'
import { dropOffer, offerNamed, readOffers } from './offers.ts'
import { proveQuota } from './room.ts'
import { answered, settingsOf, type VaultTools, withHost } from './vault.ts'

/** Whose archive is being accepted, and where. */
interface Accepting {
  host: string
  folder: HostFolder
  record: HostRecord
  archive: OfferedArchive
  tools: VaultTools
}

/** A proof, and which copies had to go for it. */
export type Proven = Omit<VaultProof, 'gone'> & { gone: readonly RecordedCopy[] }

/**
 * Takes what a host has sent out of its reach, reads it from the disk, and accepts it if it is what was offered. Safe to repeat:
 * what was accepted is told again.
 * @throws {HdsyncError} It is not, or it is still being written; nothing is accepted then.
 */
export function prove(host: string, archive: OfferedArchive, tools: VaultTools): Promise<Proven> {
  const settings = settingsOf(tools.vault, host)
  const { keep } = settings
  return withHost(host, tools, async (folder) => {
    const record = readRecord(folder.root)
    const same = await standing(folder, record, archive)
    const told = accepted(record, archive)
    if (same) {
      syncRecord(folder.root)
      // A crash may have left them.
      forget(folder, archive)
    }
    if (told && same) return asProof(told, tools)
    proveNotFlooded(host, archive.source, record, tools.now())
    const accepting = { host, folder, record, archive, tools }
    const copy = same ? await acceptAgain(same, accepting) : await acceptSent(accepting, settings)
    const settled = readRecord(folder.root)
    finishExpiry(folder, settled)
    const expiry = decideExpiry(settled, archive.source, keep)
    expire(folder, expiry, archive.source, tools.now())
    return asProof(copy, tools, expiry.go)
  })
}

function accepted({ copies }: HostRecord, { source, sha256, at }: OfferedArchive): RecordedCopy | undefined {
  return copies.find(
    (one) =>
      one.source === source &&
      one.sha256 === sha256 &&
      one.at === at &&
      !one.damaged &&
      one.readAt !== neverRead,
  )
}

function asProof(
  { file: _file, newBytes: _new, ...proved }: RecordedCopy,
  { now }: VaultTools,
  gone: readonly RecordedCopy[] = [],
): Proven {
  return { ...answered(now()), proved, gone }
}

/** Puts a copy that stands on record, with what is odd about it, and tells of both. */
function accept({ host, folder, record, tools }: Accepting, accepted: RecordedCopy): RecordedCopy {
  const { file, newBytes, ...copy } = accepted
  const { source, at, provedAt, sizeBytes, sha256 } = copy
  const reasons = oddities(
    accepted,
    record.arrivals.filter((one) => one.source === source),
  )
  const isOdd = reasons.length > 0
  addToRecord(folder.root, { did: 'accept', file, copy, newBytes, ...(isOdd && { reasons }) })
  const { tell } = tools
  tell?.({ definition: vaultAccepted, data: { host, source, at, provedAt, sizeBytes, sha256, newBytes } })
  if (isOdd) tell?.({ definition: vaultOdd, data: { host, source, at: provedAt, reasons } })
  return accepted
}

/** A further night of bytes that are there is a further name of them. They are read first if that was long ago. */
async function acceptAgain(same: RecordedCopy, accepting: Accepting): Promise<RecordedCopy> {
  const { folder, record, archive, tools } = accepting
  const from = folder.at(same.file) ?? ''
  const isRead = isStale(Date.parse(same.readAt), tools.now())
  if (isRead && (await digest(from, same.file, tools)) !== archive.sha256) {
    const reason = 'it does not read back as it was accepted'
    const files = namesOfOne(folder, record.copies, same).map(({ file }) => file)
    addToRecord(folder.root, { did: 'damage', files, at: isoOf(tools.now()), reason })
    throw new RetryableError(`the copy of these bytes in the vault is damaged: send them again`)
  }
  const now = isoOf(tools.now())
  const copy = copyOf(archive, now, isRead ? now : same.readAt)
  return place(from, copy, 0, accepting)
}

async function acceptSent(accepting: Accepting, settings: VaultHost): Promise<RecordedCopy> {
  const { host, folder, record, archive, tools } = accepting
  const { proving } = folder
  const name = archive.sha256
  const offers = readOffers(folder)
  const offered = offerNamed(offers, name)
  if (!offered) throw new TerminalError(`${archive.source}: these bytes were not offered, or too long ago`)
  proveSame(offered.archive, archive)
  proveLookedAt(host, archive.source, record, tools.now())
  // They are on the disk: its room is not asked for again.
  proveQuota(settings, {
    ...{ host, folder, record, archive },
    others: offers.filter((one) => one !== offered),
  })
  await takeAway(folder, archive)
  await close(accepting)
  const path = `${folder.path}/proving/${name}`
  const found = await digest(proving.name(name), path, tools)
  if (found !== archive.sha256) {
    proving.remove(name)
    proving.sync()
    dropOffer(folder, archive)
    throw new RetryableError(
      `what came of ${archive.source} is not what was offered (SHA-256 ${found.slice(0, 16)}… instead of ${name.slice(0, 16)}…): it is removed`,
    )
  }
  const now = isoOf(tools.now())
  const copy = copyOf(archive, now, now)
  const newBytes = offered.isSending ? null : offered.newBytes
  const done = place(proving.name(name), copy, newBytes, accepting)
  forget(folder, archive)
  return done
}

/**
 * Gives a copy its place, and accepts it. It gets a second name first: what is cut off before the record has it is proven once more.
 * @param from Where its bytes are.
 */
function place(from: string, copy: VaultCopy, newBytes: number | null, accepting: Accepting): RecordedCopy {
  const { folder, record, archive } = accepting
  const file = fileOf(copy, record)
  const shelf = folder.makeSource(archive.source)
  const name = nameIn(file)
  shelf.remove(name)
  linkSync(from, shelf.name(name))
  shelf.sync()
  return accept(accepting, { ...copy, file, newBytes })
}

/** What was offered is what room was found for. @throws {TerminalError} Something else is to be accepted. */
function proveSame(offered: OfferedArchive, archive: OfferedArchive): void {
  for (const what of ['source', 'form', 'sizeBytes'] as const)
    if (offered[what] !== archive[what])
      throw new TerminalError(
        `these bytes were offered with ${what} ${offered[what]}, and not ${archive[what]}: offer them again`,
      )
}

/** Removes what is left of an offer whose bytes were accepted. */
function forget(folder: HostFolder, archive: OfferedArchive): void {
  folder.proving.remove(archive.sha256)
  folder.base.remove(archive.sha256)
  dropOffer(folder, archive)
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants

/** Moves what came to where the host's user cannot follow. What an earlier attempt has moved is there already. */
async function takeAway(folder: HostFolder, { source, sha256, sizeBytes }: OfferedArchive): Promise<void> {
  const { incoming, proving } = folder
  if (proving.look(sha256)?.isFile()) return
  await removeProving(folder, sha256)
  const found = incoming.look(sha256)
  if (!found?.isFile()) throw new RetryableError(`nothing has come of ${source} yet: send it first`)
  if (found.size !== sizeBytes)
    throw new RetryableError(
      `${found.size} of ${sizeBytes} bytes of ${source} have come: send the rest first`,
    )
  // rename(2) from a folder that its user may write in: what is moved is looked at afterwards.
  renameSync(incoming.name(sha256), proving.name(sha256))
  proving.sync()
  incoming.sync()
  if (proving.look(sha256)?.isFile()) return
  await removeProving(folder, sha256)
  throw new RetryableError(`what came of ${source} is no file any more: it is removed`)
}

async function openMoved({ proving }: HostFolder, { source, sha256 }: OfferedArchive): Promise<FileHandle> {
  try {
    return await open(proving.name(sha256), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    proving.remove(sha256)
    throw new RetryableError(`what came of ${source} cannot be opened: it is removed`, { cause: error })
  }
}

/** Makes what was moved the vault's own. @throws {HdsyncError} Somebody could still write to it. */
async function close({ folder, record, archive, tools }: Accepting): Promise<void> {
  const { proving, ids } = folder
  const { source, sha256: name, sizeBytes } = archive
  const own = process.geteuid?.() ?? 0
  const refuse = () => {
    proving.remove(name)
    throw new RetryableError(
      `what came of ${source} is no file of ${sizeBytes} bytes of its own: it is removed`,
    )
  }
  {
    await using file = await openMoved(folder, archive)
    removeLeftName({ folder, record, archive }, await file.stat())
    if (!(await isOwnFile(file, ids, own))) refuse()
    if (ids.uid !== own) await file.chown(own, process.getegid?.() ?? 0)
    await file.chmod(0o400)
    // Its user may have given it a second name meanwhile.
    if (!(await isOwnFile(file, { ...ids, uid: own }, own))) refuse()
  }
  await proveUnwritten({ folder: proving, name, path: `${folder.path}/proving/${name}` }, tools.runner)
  await using file = await openMoved(folder, archive)
  if ((await file.stat()).size !== sizeBytes) refuse()
  await file.sync()
}

/** A crash may have left its place in `accepted` as a second name, which is on no record. */
function removeLeftName(
  { folder, record, archive: { source } }: Pick<Accepting, 'folder' | 'record' | 'archive'>,
  { ino, nlink }: Stats,
): void {
  if (nlink === 1) return
  const shelf = folder.source(source)
  const recorded = new Set(record.copies.map(({ file }) => file))
  for (const name of shelf?.names() ?? [])
    if (!recorded.has(`${source}/${name}`) && shelf?.look(name)?.ino === ino) shelf.remove(name)
}

function digest(at: string, path: string, { runner, signal }: VaultTools): Promise<string> {
  return digestOnDisk(path, { at, runner, signal })
}

function copyOf(archive: OfferedArchive, provedAt: string, readAt: string): VaultCopy {
  return { ...archive, provedAt, readAt, damaged: false }
}

/** Where a copy stands: by when it came, and by a number where that is no name of its own. */
function fileOf({ source, sha256, form, provedAt }: VaultCopy, { arrivals }: HostRecord): string {
  const taken = new Set(arrivals.map(({ file }) => file))
  const begin = `${source}/${provedAt.replaceAll(':', '')}-${sha256.slice(0, 16)}`
  for (let n = 1; ; n += 1) {
    const file = `${begin}${n === 1 ? '' : `-${n}`}.${form}`
    if (!taken.has(file)) return file
  }
}
