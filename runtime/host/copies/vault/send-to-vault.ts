import type { Target } from '../../../config/config.ts'
import type { Vault } from '../../../config/copies.ts'
import { limitAt } from '../../../config/copy-vault.ts'
import { TerminalError } from '../../../errors.ts'
import type { Progress } from '../../../progress.ts'
import { rsyncOptions } from '../../../vault-protocol.ts'
import { archiveFile } from '../../archive/archive-file.ts'
import { Shelf } from '../../archive/shelf.ts'
import { CommandError, type CommandRunner } from '../../command/command.ts'
import { rateOption } from '../../mirror/rsync-argv.ts'
import { parseProgress } from '../../mirror/rsync-output.ts'
import { limitChange } from './limit-change.ts'
import { type Reach, sshWords } from './ssh.ts'
import { sshFailure } from './ssh-errors.ts'

/** An archive to be sent to a vault, which has said under which name. */
export interface ToVault {
  from: Target
  path: string
  /** Which file stands there; see `archiveFile`. */
  file: string
  sizeBytes: number
  /** In the vault's `incoming/`. */
  incoming: string
}

interface Tools {
  vault: Vault & Reach
  /** As the config has it. */
  name: string | undefined
  runner: CommandRunner
  signal: AbortSignal
  /** Milliseconds since the epoch. */
  now: () => number
  onProgress: (progress: Progress) => void
}

/** Timers count up to 2³¹ milliseconds, which is longer. */
const longestMs = 20 * 86_400_000

/**
 * Has rsync(1) bring what lies in the vault's `incoming/` up to date. Where a limit begins or ends meanwhile, it is ended and
 * goes on where it was.
 * @returns How many bytes were sent.
 * @throws {TerminalError} The archive is another one by now, ssh does not get in, or the vault refuses for good.
 * @throws {RetryableError} The vault refuses for now, see `isBusy`, or the connection broke: offered again, it may go on.
 */
export async function sendToVault(sending: ToVault, tools: Tools): Promise<number> {
  const { from, path } = sending
  using shelf = new Shelf(from)
  await proveSame(sending, shelf)
  let sent = 0
  for (;;) {
    const part = await sendUnderLimit(shelf.forCommands(path), sending, tools)
    sent += part.bytes
    if (part.isWhole) break
  }
  await proveSame(sending, shelf)
  return sent
}

/** @returns Not whole where another limit holds now. What was sent until then is not told by rsync. */
async function sendUnderLimit(
  file: string,
  { incoming, sizeBytes }: ToVault,
  { vault, name, runner, signal, now, onProgress }: Tools,
): Promise<{ bytes: number; isWhole: boolean }> {
  const limit = limitAt(vault.limit, now())
  using change = limitChange(vault.limit, limit, now)
  const output = new RsyncOutput(sizeBytes, onProgress)
  const argv = [
    ...['rsync', ...rsyncOptions, '--stats', '--info=progress2'],
    ...rateOption(limit),
    ...['-e', sshWords(vault).join(' '), file, `${vault.user}@${vault.host}:${incoming}`],
  ] as unknown as [string, ...string[]]
  try {
    await runner.run({
      ...{ argv, timeoutMs: longestMs, signal: change.signal },
      onStdout: (chunk) => output.add(chunk),
    })
    return { bytes: output.sentBytes, isWhole: true }
  } catch (error) {
    signal.throwIfAborted()
    if (change.signal.aborted) return { bytes: output.sentBytes, isWhole: false }
    throw error instanceof CommandError ? sshFailure(error, vault, name) : error
  }
}

/** Reads what rsync prints: how far it has come, and in the end how much it has sent. */
class RsyncOutput {
  sentBytes = 0
  #rest = ''
  readonly #totalBytes: number
  readonly #onProgress: (progress: Progress) => void

  constructor(totalBytes: number, onProgress: (progress: Progress) => void) {
    this.#totalBytes = totalBytes
    this.#onProgress = onProgress
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]/)
    this.#rest = lines.pop()?.slice(-200) ?? ''
    for (const line of lines) {
      const sent = /^Total bytes sent: ([\d,]+)/.exec(line)?.[1]
      if (sent !== undefined) this.sentBytes = Number(sent.replaceAll(',', ''))
      const progress = parseProgress(line)
      if (progress) this.#onProgress({ ...progress, totalBytes: this.#totalBytes })
    }
  }
}

/** @throws {TerminalError} Another file stands there by now. */
export async function proveSame({ path, file }: Pick<ToVault, 'path' | 'file'>, shelf: Shelf): Promise<void> {
  const found = await archiveFile(shelf.at(path))
  if (found?.file !== file) throw new TerminalError(`${path} is another archive by now`)
}
