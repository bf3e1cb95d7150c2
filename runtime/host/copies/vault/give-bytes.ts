import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../../../config/config.ts'
import { RetryableError } from '../../../errors.ts'
import { askAgainLater, rsyncOptions } from '../../../vault-protocol.ts'
import { Shelf } from '../../archive/shelf.ts'
import { handOver } from '../../command/handed-over.ts'
import { rateOption } from '../../mirror/rsync-argv.ts'
import { firstFree } from '../../vault/lock.ts'
import { sendingMs } from '../../vault/rsync-server.ts'
import { proveSame, type ToVault } from './send-to-vault.ts'

/** An archive that a vault fetches. */
export interface Giving extends Pick<ToVault, 'path' | 'file'> {
  from: Target
  sha256: string
  sizeBytes: number
  /** The folder of the locks of vaults that fetch. */
  locks: string
  /** As the vault wishes. */
  bytesPerSecond?: number | undefined
}

/** A vault that was taken over would start as many rsync(1) as there is memory for, and ask for lists as often as it likes. */
const mostSending = 4
const mostAsking = 8

/**
 * Lets a vault ask, be it for a list or for bytes, if not too many are being answered.
 * @param locks The folder of their locks.
 * @throws {RetryableError} Too many are.
 */
export async function letAsk(locks: string): Promise<AsyncDisposable> {
  const slot = await firstFree(slotsIn(locks, 'asking', mostAsking))
  if (slot) return slot
  throw new RetryableError(`${mostAsking} requests of vaults are being answered: ${askAgainLater}`)
}

/**
 * In the place of ssh(1) for rsync(1): tells the vault what is to run there, and carries bytes between rsync and the connection
 * that the vault has made, which is open as 3 and 4; Node has set it not to block. No quote that rsync would read stands in it.
 */
const carrier = [
  'sub carry { my ($from, $to, $bytes) = @_;',
  'while (sysread $from, $bytes, 262144) { my $at = 0;',
  'while ($at < length $bytes) { $at += syswrite($to, $bytes, length($bytes) - $at, $at) || exit 1 } } }',
  'shift; open my $in, "<&=", 3; open my $out, ">&=", 4; $_->blocking(1) for $in, $out;',
  'syswrite $out, "@ARGV\\n"; my $own = $$; $SIG{TERM} = sub { exit }; my $child = fork; defined $child || exit 1;',
  // rsync waits for this to end, and this for rsync, unless the end of the connection ends it.
  'if (!$child) { carry($in, *STDOUT); kill "TERM", $own if getppid == $own; exit }',
  'close STDOUT; carry(*STDIN, $out); kill "TERM", $child',
].join(' ')

/**
 * Has rsync(1) send an archive over the connection of this process. It is the one that sends, and not a server: what the other
 * end says names no file of this machine, be it in a filter rule.
 * @throws {TerminalError} The archive is another one by now. @throws {RetryableError} The connection broke, or others are being sent.
 */
export async function giveBytes(
  { from, path, file, sha256, sizeBytes, locks, bytesPerSecond }: Giving,
  signal: AbortSignal,
): Promise<void> {
  await using slot = await firstFree(slotsIn(locks, 'sending', mostSending))
  if (!slot) throw new RetryableError(`${mostSending} archives are being sent to vaults: ${askAgainLater}`)
  using shelf = new Shelf(from)
  await proveSame({ path, file }, shelf)
  const argv = [
    ...['rsync', ...rsyncOptions],
    ...rateOption(bytesPerSecond),
    ...['-e', `perl -e '${carrier}'`, shelf.forCommands(path), `vault:${sha256}`],
  ] as unknown as [string, ...string[]]
  const { exitCode, signal: ended } = await handOver(argv, {
    ...{ cwd: '/', owner: 'give', peer: null, files: [0, 1] },
    // As long as it is read, an archive that is gone keeps its room.
    signal: AbortSignal.any([signal, AbortSignal.timeout(sendingMs(sizeBytes))]),
  })
  if (exitCode !== 0)
    throw new RetryableError(
      `rsync ${exitCode === undefined ? `was ended by ${ended}` : `ended with ${exitCode}`}`,
    )
  await proveSame({ path, file }, shelf)
}

function slotsIn(folder: string, what: string, most: number): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const slots = Array.from({ length: most }, (_, n) => join(folder, `${what}-${n}`))
  for (const slot of slots) closeSync(openSync(slot, 'a', 0o600))
  return slots
}
