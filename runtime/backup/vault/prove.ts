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
import { addToRecord, type HostRecord, type RecordedCopy, readRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import type { OfferedArchive, VaultCopy, VaultProof } from '../../vault-protocol.ts'
import { decideExpiry, expire } from './expire.ts'
import { oddities } from './odd.ts'
import { proveNotFlooded, standing } from './offer.ts'
import { dropOffer, offerNamed, readOffers } from './offers.ts'
import { proveQuota, type Wanted } from './room.ts'
import { answered, settingsOf, type VaultTools, withHost } from './vault.ts'

/**
 * Takes what a host has sent out of its reach, reads it from the disk, and accepts it if it is what was offered. Safe to repeat:
 * what was accepted is told again.
 * @throws {HdsyncError} It is not, or it is still being written; nothing is accepted then.
 */
export function prove(host: string, archive: OfferedArchive, tools: VaultTools): Promise<VaultProof> {
  const settings = settingsOf(tools.vault, host)
  const { keep } = settings
  return withHost(host, tools, async (folder) => {
    const record = readRecord(folder.root)
    const told = accepted(record, archive)
    if (told && (await standing(folder, record, archive))) {
      // A crash may have left them.
      forget(folder, archive)
      return asProof(told, tools)
    }
    proveNotFlooded(host, record, tools.now())
    const same = await standing(folder, record, archive)
    if (same) forget(folder, archive)
    const copy = same
      ? await acceptAgain(folder, same, archive, tools)
      : await acceptSent({ host, settings, folder, record, archive }, tools)
    settle({ host, keep, folder, record }, copy, tools)
    return asProof(copy, tools)
  })
}

function accepted({ copies }: HostRecord, { source, sha256, at }: OfferedArchive): RecordedCopy | undefined {
  return copies.find((one) => one.source === source && one.sha256 === sha256 && one.at === at && !one.damaged)
}

function asProof({ file: _file, newBytes: _new, ...proved }: RecordedCopy, { now }: VaultTools): VaultProof {
  return { ...answered(now()), proved }
}

/** Tells of a copy, and of what is odd about it; where nothing is, older ones go that nothing keeps. */
function settle(
  {
    host,
    keep,
    folder,
    record,
  }: { host: string; keep: VaultHost['keep']; folder: HostFolder; record: HostRecord },
  copy: RecordedCopy,
  { now, tell }: VaultTools,
): void {
  const { source, at, provedAt, sizeBytes, sha256, newBytes } = copy
  tell?.({ definition: vaultAccepted, data: { host, source, at, provedAt, sizeBytes, sha256, newBytes } })
  const reasons = oddities(
    copy,
    record.copies.filter((one) => one.source === source),
  )
  if (reasons.length > 0) {
    addToRecord(folder.root, { did: 'odd', source, at: provedAt, reasons })
    tell?.({ definition: vaultOdd, data: { host, source, at: provedAt, reasons } })
  }
  expire(folder, decideExpiry(readRecord(folder.root), source, keep), source, now())
}

/** A further night of bytes that are there is a further name of them. They are read first if that was long ago. */
async function acceptAgain(
  folder: HostFolder,
  same: RecordedCopy,
  archive: OfferedArchive,
  tools: VaultTools,
): Promise<RecordedCopy> {
  const from = folder.at(same.file) ?? ''
  const isRead = isStale(Date.parse(same.readAt), tools.now())
  if (isRead && (await digest(from, same.file, tools)) !== archive.sha256) {
    const reason = 'it does not read back as it was accepted'
    addToRecord(folder.root, { did: 'damage', files: [same.file], at: isoOf(tools.now()), reason })
    throw new RetryableError(`the copy of these bytes in the vault is damaged: send them again`)
  }
  const now = isoOf(tools.now())
  const copy = copyOf(archive, now, isRead ? now : same.readAt)
  const file = fileOf(copy)
  const shelf = folder.makeSource(archive.source)
  const name = nameIn(file)
  shelf.remove(name)
  linkSync(from, shelf.name(name))
  shelf.sync()
  addToRecord(folder.root, { did: 'accept', file, copy, newBytes: 0 })
  return { ...copy, file, newBytes: 0 }
}

async function acceptSent(
  { settings, ...sent }: Omit<Wanted, 'others'> & { settings: VaultHost },
  tools: VaultTools,
): Promise<RecordedCopy> {
  const { folder, archive } = sent
  const { proving, root } = folder
  const name = archive.sha256
  const offers = readOffers(folder)
  const offered = offerNamed(offers, name)
  if (!offered) throw new TerminalError(`${archive.source}: these bytes were not offered, or too long ago`)
  proveSame(offered.archive, archive)
  // They are on the disk: its room is not asked for again.
  proveQuota(settings, { ...sent, others: offers.filter((one) => one !== offered) })
  await takeAway(folder, archive)
  await close(folder, archive, tools)
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
  const standsAt = fileOf(copy)
  const newBytes = offered.isSending ? null : offered.newBytes
  const shelf = folder.makeSource(archive.source)
  const placed = nameIn(standsAt)
  shelf.remove(placed)
  // A second name first: what is cut off between the two is proven once more.
  linkSync(proving.name(name), shelf.name(placed))
  shelf.sync()
  addToRecord(root, { did: 'accept', file: standsAt, copy, newBytes })
  forget(folder, archive)
  return { ...copy, file: standsAt, newBytes }
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
async function close(folder: HostFolder, archive: OfferedArchive, { runner }: VaultTools): Promise<void> {
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
    removeLeftName(folder, source, await file.stat())
    if (!(await isOwnFile(file, ids, own))) refuse()
    if (ids.uid !== own) await file.chown(own, process.getegid?.() ?? 0)
    await file.chmod(0o400)
    // Its user may have given it a second name meanwhile.
    if (!(await isOwnFile(file, { ...ids, uid: own }, own))) refuse()
  }
  await proveUnwritten({ folder: proving, name, path: `${folder.path}/proving/${name}` }, runner)
  await using file = await openMoved(folder, archive)
  if ((await file.stat()).size !== sizeBytes) refuse()
  await file.sync()
}

/** A crash may have left its place in `accepted` as a second name, which is on no record. */
function removeLeftName(folder: HostFolder, source: string, { ino, nlink }: Stats): void {
  if (nlink === 1) return
  const shelf = folder.source(source)
  const recorded = new Set(readRecord(folder.root).copies.map(({ file }) => file))
  for (const name of shelf?.names() ?? [])
    if (!recorded.has(`${source}/${name}`) && shelf?.look(name)?.ino === ino) shelf.remove(name)
}

function digest(at: string, path: string, { runner, signal }: VaultTools): Promise<string> {
  return digestOnDisk(path, { at, runner, signal })
}

function copyOf(archive: OfferedArchive, provedAt: string, readAt: string): VaultCopy {
  return { ...archive, provedAt, readAt, damaged: false }
}

/** Where a copy stands: by when it came, which tells it from every other one. */
function fileOf({ source, sha256, form, provedAt }: VaultCopy): string {
  return `${source}/${provedAt.replaceAll(':', '')}-${sha256.slice(0, 16)}.${form}`
}

function nameIn(file: string): string {
  return file.slice(file.indexOf('/') + 1)
}
