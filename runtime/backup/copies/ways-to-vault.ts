import type { copyProve, copySend, DataOf } from '../../../events/index.ts'
import { reasonOf, TerminalError } from '../../errors.ts'
import { sealedFor } from '../../host/copies/sealed/sealed-record.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { isBusy, isUnreachable } from '../../host/copies/vault/ssh-errors.ts'
import { isoOf } from '../../instant.ts'
import { formatDuration } from '../../units.ts'
import type { OfferedArchive, VaultCopy } from '../../vault-protocol.ts'
import { archivesTarget } from '../configured.ts'
import type { Context } from '../function.ts'
import { patiently } from './patience.ts'
import type { VaultPlace } from './places.ts'
import { sealedForm, sealingFor, tidySealing, unsealedCopies } from './sealing.ts'
import {
  copiesInVault,
  formOf,
  hasBytes,
  keepKnownList,
  readKnownList,
  toldBy,
  vaultCopyPath,
} from './vault-copies.ts'
import type { OnProgress, Sent, Ways } from './ways.ts'

/** By so much clocks may differ before that is told. */
const clocksDifferMs = 10 * 60_000
/** A connection that brought so little counts as one that brought nothing. */
const worthBytes = 1024 ** 2

/** A vault of another machine: it can be added to, and decides by itself what stays. */
export function waysToVault(place: VaultPlace, context: Context): Ways {
  const { name, vault } = place
  const { config, host, run, clock } = context
  const link = host.copies.vault(vault, name, run.id)
  const where = vaultText(vault)
  const sealing = vault.encryptTo === undefined ? undefined : sealingFor(place, vault.encryptTo, context)
  const formFor = (path: string, source: string) => {
    const form = formOf(path, source)
    return sealing ? sealedForm(form) : form
  }
  const inRun = toldBy(name, run.id)
  let told = inRun.status
  let isNew = false
  const ask = async () => {
    const known = told?.copies ?? readKnownList(config.state, name)
    told = await patiently(() => link.status(known), isBusy, context)
    inRun.note(told)
    isNew = true
    return told
  }
  /** Whatever went wrong, the next step asks what the vault has. */
  const orForget = <T>(work: Promise<T>) =>
    work.catch((error) => {
      inRun.forget()
      throw error
    })

  return {
    isReadAgain: false,
    async absence() {
      try {
        if (!told) await ask()
        return undefined
      } catch (error) {
        if (isUnreachable(error)) return reasonOf(error)
        throw error
      }
    },
    async renew() {
      const isOld = !isNew
      if (isOld) await ask()
      // As a rule that was all.
      inRun.forget()
      if (told) keepKnownList(config.state, name, told.copies)
      return isOld
    },
    async open() {
      const apartMs = isNew ? Math.abs(Date.parse(told?.now ?? '') - clock.now()) : 0
      return apartMs > clocksDifferMs
        ? [`the clock of ${where} differs by ${formatDuration(apartMs)}: it says ${told?.now}`]
        : []
    },
    has: async (source) =>
      unsealedCopies(copiesInVault(vault, told?.copies ?? [], source), sealedFor(config.state, name)),
    missing({ path, file, at: ms, sizeBytes, sha256 }, source) {
      const at = isoOf(ms)
      const to = vaultCopyPath(vault, { source, at, form: formFor(path, source) })
      return { source, path, file, at, sizeBytes, sha256, to, as: 'sent' }
    },
    tidy: async (missing) => tidySealing(place, missing, told?.copies ?? [], context),
    send: (sending, onProgress) => orForget(send(sending, onProgress)),
    prove: (proving) => orForget(prove(proving)),
    prune: async () => ({ gone: [], problems: [] }),
  }

  async function send(sending: DataOf<typeof copySend>, onProgress: OnProgress): Promise<Sent> {
    const inVault = await linkKnown(sending)
    if (inVault) return inVault
    const { path, file, sizeBytes, sha256 } = sealing ? await sealing.seal(sending, onProgress) : sending
    const archive = offered(sending, { sizeBytes, sha256 })
    let laid: number | undefined
    const once = async (renew: () => void): Promise<Sent> => {
      const { has, name: incoming, laidBytes } = await link.offer(archive)
      if (has) return { as: 'linked', read: null, bytes: 0 }
      if (!/^[A-Za-z0-9][\w.-]{0,199}$/.test(incoming))
        throw new TerminalError(`${where} wants the archive under a name that is none`)
      // As long as more lies there each time, it comes to an end.
      if (laid !== undefined && laidBytes - laid > worthBytes) renew()
      laid = laidBytes
      const toVault = { from: archivesTarget(config), path, file, sizeBytes, incoming }
      return { as: 'sent', read: null, bytes: await link.send(toVault, () => clock.now(), onProgress) }
    }
    // What was cut off goes on. The vault is busy with its own end until it finds that the connection broke.
    const mayHelp = (error: unknown) => isBusy(error) || (isUnreachable(error) && laid !== undefined)
    return await patiently(once, mayHelp, context)
  }

  async function prove(proving: DataOf<typeof copyProve>): Promise<string> {
    const archive = offered(proving, sealing ? sealing.sealed(proving) : proving)
    const { proved, now, gone } = await patiently(() => link.prove(archive), isBusy, context)
    const problem = differs(proved, archive, now)
    if (problem) throw new TerminalError(`${where} has proved something else: ${problem}`)
    inRun.add(proved, gone)
    return proved.sha256
  }

  /** @param known Of the bytes that are sent. */
  function offered(
    { source, at, path }: Archive,
    { sizeBytes, sha256 }: Pick<OfferedArchive, 'sizeBytes' | 'sha256'>,
  ): OfferedArchive {
    return { source, at, form: formFor(path, source), sizeBytes, sha256 }
  }

  /** A further night of an archive that the vault has needs no bytes. */
  async function linkKnown(sending: DataOf<typeof copySend>): Promise<Sent | undefined> {
    const known = sealing ? await sealing.inVault(sending, async () => told ?? (await ask())) : sending
    const isThere = known && told && hasBytes(told, offered(sending, known))
    return isThere ? { as: 'linked', read: null, bytes: 0 } : undefined
  }
}

type Archive = Pick<DataOf<typeof copySend>, 'source' | 'at' | 'path'>

/** What of a proof is not what was offered; undefined where all is. @param now When the vault said so, by its clock. */
function differs(proved: VaultCopy, wanted: OfferedArchive, now: string): string | undefined {
  const keys = ['source', 'form', 'sizeBytes', 'sha256'] as const
  const wrong = keys.find((key) => proved[key] !== wanted[key])
  if (wrong !== undefined) return `${wrong} is ${proved[wrong]} in place of ${wanted[wrong]}`
  if (Date.parse(proved.at) !== Date.parse(wanted.at)) return `it is of ${proved.at} in place of ${wanted.at}`
  if (proved.damaged) return 'it is damaged'
  if (Date.parse(proved.provedAt) > Date.parse(now)) return `it arrives later than now, at ${proved.provedAt}`
  return undefined
}
