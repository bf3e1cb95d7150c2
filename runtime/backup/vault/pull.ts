import { join } from 'node:path'
import { RetryableError, TerminalError } from '../../errors.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import { askVault } from '../../host/copies/vault/ask.ts'
import { isBusy, isUnreachable } from '../../host/copies/vault/ssh-errors.ts'
import { watchGrowth } from '../../host/vault/growth.ts'
import { HostFolder } from '../../host/vault/host-folder.ts'
import { HostBusyError, takeLock } from '../../host/vault/lock.ts'
import { pullBytes } from '../../host/vault/pull-bytes.ts'
import { readRecord } from '../../host/vault/record.ts'
import { isCut, longestMs } from '../../host/vault/rsync-server.ts'
import { askAgainLater, listAnswer, type OfferedArchive, protocolVersion } from '../../vault-protocol.ts'
import { admit, noteSent } from './admit.ts'
import { noteFailure, refusalOf } from './answer.ts'

import { offer } from './offer.ts'
import { prove } from './prove.ts'
import { notePull, type PullEnd } from './pull-state.ts'
import { nextToPull } from './to-pull.ts'
import { settingsOf, type VaultTools } from './vault.ts'

/** What came of fetching from a host. */
export interface Pulled {
  host: string
  archives: number
  /** Over the wire. */
  bytes: number
  /** How many are left for another day. */
  waiting: number
  /** Why not everything could be fetched; null where it could. */
  error: string | null
}

/** After so many archives that could not be fetched, the host is left alone until the next time. */
const mostProblems = 3
/** A connection that breaks is made again, as long as each brings something. */
const mostConnections = 20
/** A connection that brought so little counts as one that brought nothing. */
const worthBytes = 1024 ** 2

/**
 * Fetches from a host what the vault has not got, and takes it as if the host had sent it: what is accepted, and what is odd, is
 * the same. How it went is on record for whoever asks how the host stands, and hooks are told. Safe to repeat: what was cut off goes on.
 * @throws {HdsyncError} The config does not say how, or somebody is fetching from it already.
 */
export async function pullHost(host: string, tools: VaultTools): Promise<Pulled> {
  const { vault, runner, signal } = tools
  const { pull } = settingsOf(vault, host)
  if (!pull)
    throw new TerminalError(`the vault does not fetch from ${host}: the config has no \`pull\` for it`)
  using folder = HostFolder.open(vault.path, host)
  if (!folder.root.look(lockName)) folder.root.replace(lockName, '', 0o600)
  await using lock = await takeLock(`${folder.path}/${lockName}`, runner)
  if (!lock) throw new RetryableError(`something is being fetched from ${host} already`)
  const pulled: Pulled = { host, archives: 0, bytes: 0, waiting: 0, error: null }
  const problems: { error: unknown; text: string }[] = []
  const reach = { ...pull, isHost: true } as const
  const until = tools.now() + longestMs
  // One that sends slowly, and no end of archives, would keep the vault from others for ever.
  const isLate = () => tools.now() > until
  try {
    tools.show?.(host, 'is asked what is new')
    const { archives } = await askVault({ v: protocolVersion, do: 'list' }, listAnswer, {
      ...{ vault: reach, name: host, runner },
    })
    const passed = new Set<string>()
    for (;;) {
      const { next, waiting } = nextToPull(archives, readRecord(folder.root), passed, tools.now())
      pulled.waiting = waiting
      if (!next || problems.length >= mostProblems || isLate()) break
      passed.add(next.sha256)
      try {
        await fetchArchive(next)
        pulled.archives += 1
      } catch (error) {
        signal.throwIfAborted()
        noteFailure(error, { host, what: 'pull', source: next.source }, tools)
        problems.push({ error, text: `${nightOf(next)}: ${refusalOf(error).error}` })
        // It would be the same with the next one.
        if (isUnreachable(error) || error instanceof HostBusyError) break
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    noteFailure(error, { host, what: 'pull' }, tools)
    problems.push({ error, text: refusalOf(error).error })
  }
  if (problems.length > 0)
    pulled.error = problems
      .map(({ text }) => text)
      .join('; ')
      .slice(0, 2000)
  const end: PullEnd = { error: pulled.error, passes: problems.every(({ error }) => passes(error)) }
  notePull(host, folder, end, tools)
  return pulled

  async function fetchArchive(archive: OfferedArchive): Promise<void> {
    let laid: number | undefined
    for (let n = 1; ; n += 1) {
      const { has, name, laidBytes } = await offer(host, archive, tools)
      if (has) break
      const hasGrown = laid === undefined || laidBytes - laid > worthBytes
      laid = laidBytes
      const { limit } = pull as NonNullable<typeof pull>
      const taken = await pullShown(archive, { ...tools, host, reach, limit, name })
      await noteSent(host, { name, newBytes: taken.newBytes }, lasting(tools))
      signal.throwIfAborted()
      pulled.bytes += taken.newBytes
      if (taken.isWhole) break
      if (taken.failure === undefined && !isLate()) continue
      if (!isUnreachable(taken.failure) || !hasGrown || n >= mostConnections || isLate())
        throw (
          taken.failure ??
          new RetryableError('it takes too long: what has come stays, and the next pull goes on')
        )
    }
    tools.show?.(host, `${nightOf(archive)} is read back`)
    await prove(host, archive, tools)
  }
}

/** As `pullBytes`, while somebody may look on. */
async function pullShown(
  archive: OfferedArchive,
  { name, ...pulling }: Parameters<typeof pullBytes>[1] & VaultTools & { name: string },
): ReturnType<typeof pullBytes> {
  const { host, show } = pulling
  const admission = await admit(host, name, pulling)
  const words = `fetches ${nightOf(archive)}`
  show?.(host, words)
  using _watched = show
    ? watchGrowth(join(admission.path, 'incoming', name), archive.sizeBytes, (progress) =>
        show(host, words, progress),
      )
    : undefined
  return await pullBytes(admission, pulling)
}

function nightOf({ source, at }: OfferedArchive): string {
  return `${source} of ${at.slice(0, 10)}`
}

/** A host that is away, as a notebook that is closed, or one of the two that has something else to do. */
function passes(error: unknown): boolean {
  if (isUnreachable(error) || isBusy(error)) return true
  return error instanceof RetryableError && error.message.includes(askAgainLater) && !isCut(error)
}

/** For what is noted when the daemon stops, or goes on with another config: how much has come is odd where nobody knows it. */
function lasting(tools: VaultTools): VaultTools {
  const signal = AbortSignal.timeout(30_000)
  return { ...tools, signal, runner: createRunner({ observer: unobserved, signal, owner: 'vault' }) }
}

const lockName = 'pulling'
