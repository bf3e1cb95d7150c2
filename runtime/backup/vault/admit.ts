import { join } from 'node:path'
import { RetryableError, reasonOf, TerminalError } from '../../errors.ts'
import { HostFolder, slotsOf } from '../../host/vault/host-folder.ts'
import { type Admission, sendingMs } from '../../host/vault/rsync-server.ts'
import { changeOffer, type Offered, offerNamed, readOffers } from './offers.ts'
import { settingsOf, type VaultTools, withHost, withHostSoon } from './vault.ts'

/** How many bytes of an offer came over the wire, however its rsync ended. */
export interface SendingEnd {
  name: string
  newBytes: number
}

/**
 * Lets a host send the bytes of an archive that it has offered.
 * @param name As the answer to its offer has it.
 * @throws {HdsyncError} It was not offered, or something of the host is going on.
 */
export function admit(host: string, name: string, tools: VaultTools): Promise<Admission> {
  const { vault } = tools
  settingsOf(vault, host)
  return withHost(host, tools, async (folder) => {
    const offered = offerNamed(readOffers(folder), name)
    if (!offered) throw new TerminalError('these bytes were not offered, or too long ago: offer them first')
    if (folder.proving.look(name))
      throw new RetryableError('the vault has these bytes, and was not done with reading them: prove them')
    // The vault itself went down under one that has not said how much came.
    const newBytes = offered.isSending ? null : offered.newBytes
    changeOffer(folder, name, (one) => ({ ...one, newBytes, isSending: true }))
    const { path, lock } = folder
    return {
      ...{ host, path, lock, name, slots: slotsOf(vault.path, vault.concurrency) },
      mostBytes: offered.archive.sizeBytes,
      mostMs: sendingMs(offered.archive.sizeBytes),
    }
  })
}

/**
 * The locks of sessions of a host, of which each holds one: whoever has its key would open as many as there is memory for. They are folders that its
 * user can read, and nothing else locks.
 * @throws {TerminalError} The vault does not know the host.
 */
export function sessionLocks(host: string, vault: VaultTools['vault']): string[] {
  settingsOf(vault, host)
  using folder = HostFolder.open(vault.path, host)
  return ['incoming', 'base'].map((name) => join(folder.path, name))
}

/**
 * Notes how much has come. It is what the user of the host says, and decides nothing but what seems odd. Never throws: of an
 * end that cannot be noted nothing is known.
 */
export async function noteSent(
  host: string,
  { name, newBytes }: SendingEnd,
  tools: VaultTools,
): Promise<void> {
  const note = (one: Offered): Offered => ({
    ...one,
    newBytes: one.newBytes === null ? null : one.newBytes + newBytes,
    isSending: false,
  })
  await withHostSoon(host, tools, async (folder) => changeOffer(folder, name, note)).catch((error) =>
    tools.warn?.(`how much ${host} has sent could not be noted: ${reasonOf(error)}`),
  )
}
