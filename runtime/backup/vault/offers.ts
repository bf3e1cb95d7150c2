import * as z from 'zod'
import type { HostFolder } from '../../host/vault/host-folder.ts'
import { type OfferedArchive, offeredArchive } from '../../vault-protocol.ts'

// What a host may send now: kept in `offers.json` of its folder, which its user cannot read.

const offered = z.lazy(() =>
  z.object({
    archive: offeredArchive,
    /** How many bytes have come for it; null once that is not known any more. */
    newBytes: z.int().min(0).nullable(),
    /** An rsync has begun, and has not said how it ended. */
    isSending: z.boolean(),
    /** See `Laid`. */
    begunBytes: z.int().min(0),
    /** When it was last offered, by the clock of the vault. */
    offeredAt: z.iso.datetime().optional(),
  }),
)
export type Offered = z.output<typeof offered>

const file = z.object({ version: z.literal(1), offers: z.array(offered) })
const fileName = 'offers.json'
/** A host sends one archive after the other: of older offers nothing is to come. */
export const mostOffers = 16

/** An offer counts to the quota. A host that means to send it offers it again within that time, whatever cuts it off. */
const standsMs = 12 * 3_600_000

/** Whether an offer is so old that it makes way for another one, with what has come of it. */
export function isForgotten({ offeredAt }: Offered, now: number): boolean {
  return offeredAt === undefined || now - Date.parse(offeredAt) >= standsMs
}

/** @returns The oldest first; none where the file is not what was written. */
export function readOffers({ root }: Pick<HostFolder, 'root'>): Offered[] {
  try {
    return file.parse(JSON.parse(root.read(fileName, 1024 ** 2) ?? '')).offers
  } catch {
    return []
  }
}

export function writeOffers({ root }: Pick<HostFolder, 'root'>, offers: readonly Offered[]): void {
  root.replace(fileName, `${JSON.stringify({ version: 1, offers })}\n`, 0o600)
}

/** The offer of these bytes. @param name Their SHA-256. */
export function offerNamed(offers: readonly Offered[], name: string): Offered | undefined {
  return offers.find(({ archive }) => archive.sha256 === name)
}

/** Puts a changed offer in its place; one that is not there is not added. */
export function changeOffer(folder: HostFolder, name: string, change: (one: Offered) => Offered): void {
  const offers = readOffers(folder)
  writeOffers(
    folder,
    offers.map((one) => (one.archive.sha256 === name ? change(one) : one)),
  )
}

/** Forgets an offer. */
export function dropOffer(folder: HostFolder, { sha256 }: Pick<OfferedArchive, 'sha256'>): void {
  const offers = readOffers(folder)
  const left = offers.filter(({ archive }) => archive.sha256 !== sha256)
  if (left.length < offers.length) writeOffers(folder, left)
}
