import { setTimeout } from 'node:timers/promises'
import type { copySend, DataOf } from '../../../events/index.ts'
import { RetryableError, reasonOf, TerminalError } from '../../errors.ts'
import { vaultText } from '../../host/copies/vault/ssh.ts'
import { isUnreachable } from '../../host/copies/vault/ssh-errors.ts'
import { isoOf } from '../../instant.ts'
import { formatDuration } from '../../units.ts'
import type { OfferedArchive, VaultCopy, VaultStatus } from '../../vault-protocol.ts'
import { archivesTarget } from '../configured.ts'
import type { Context } from '../function.ts'
import type { VaultPlace } from './places.ts'
import { copiesInVault, formOf, vaultCopyPath } from './vault-copies.ts'
import type { Ways } from './ways.ts'

/** By so much clocks may differ before that is told. */
const clocksDifferMs = 10 * 60_000

/** A vault of another machine: it can be added to, and decides by itself what stays. */
export function waysToVault({ name, vault }: VaultPlace, { config, host, clock, signal }: Context): Ways {
  const link = host.copies.vault(vault, name)
  const where = vaultText(vault)
  let told: VaultStatus | undefined

  return {
    isReadAgain: false,
    async absence() {
      try {
        told = await link.status()
        return undefined
      } catch (error) {
        if (isUnreachable(error)) return reasonOf(error)
        throw error
      }
    },
    async open() {
      const apartMs = Math.abs(Date.parse(told?.now ?? '') - clock.now())
      return apartMs > clocksDifferMs
        ? [`the clock of ${where} differs by ${formatDuration(apartMs)}: it says ${told?.now}`]
        : []
    },
    has: async (source) => copiesInVault(vault, told?.copies ?? [], source),
    missing({ path, file, at: ms, sizeBytes, sha256 }, source) {
      const at = isoOf(ms)
      const to = vaultCopyPath(vault, { source, at, form: formOf(path, source) })
      return { source, path, file, at, sizeBytes, sha256, to, as: 'sent' }
    },
    tidy: async () => {},
    async send(sending, onProgress) {
      let laid = -1
      for (let failed = 0; ; failed += 1) {
        try {
          const { has, name: incoming, laidBytes } = await link.offer(offered(sending))
          if (has) return { as: 'linked', read: null, bytes: 0 }
          // As long as more lies there each time, it comes to an end.
          if (laidBytes - laid > worthBytes) failed = 0
          laid = laidBytes
          return { as: 'sent', read: null, bytes: await sendTo(incoming, sending, onProgress) }
        } catch (error) {
          const pause = pausesMs[failed]
          // What is refused before anything was sent is asked for once more: an earlier connection may not have ended yet.
          const isOver = failed > 0 && laid < 0
          if (!(error instanceof RetryableError) || pause === undefined || isOver) throw error
          await setTimeout(pause, undefined, { signal })
        }
      }
    },
    async prove(proving) {
      const { proved, now } = await link.prove(offered(proving))
      const problem = differs(proved, offered(proving), now)
      if (problem) throw new TerminalError(`${where} has proved something else: ${problem}`)
      return { file: proved.sha256 }
    },
    prune: async () => ({ gone: [], problems: [] }),
  }

  async function sendTo(
    incoming: string,
    { path, file, sizeBytes }: Parameters<Ways['send']>[0],
    onProgress: Parameters<Ways['send']>[1],
  ): Promise<number> {
    if (!/^[A-Za-z0-9][\w.-]{0,199}$/.test(incoming))
      throw new TerminalError(`${where} wants the archive under a name that is none`)
    const sending = { from: archivesTarget(config), path, file, sizeBytes, incoming }
    return await link.send(sending, () => clock.now(), onProgress)
  }
}

/** A connection that brought so little counts as one that brought nothing. */
const worthBytes = 1024 ** 2
/** Before a connection that broke is made again. */
const pausesMs = [3000, 15_000, 60_000]

type Archive = Pick<DataOf<typeof copySend>, 'source' | 'at' | 'path' | 'sizeBytes' | 'sha256'>

function offered({ source, at, path, sizeBytes, sha256 }: Archive): OfferedArchive {
  return { source, at, form: formOf(path, source), sizeBytes, sha256 }
}

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
