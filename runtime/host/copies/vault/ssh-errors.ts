import { HdsyncError, RetryableError, TerminalError } from '../../../errors.ts'
import { plainText } from '../../../plain-text.ts'
import { askAgainLater, refusalInLine, type VaultRefusal } from '../../../vault-protocol.ts'
import type { CommandError } from '../../command/command.ts'
import { lastLines } from '../../command/output.ts'
import { bareHost, type Reach, vaultText } from './ssh.ts'

/** What is behind an error of a vault that is not there: a network, a machine that is off. */
const unreachable = 'vault-unreachable'
/** What is behind an error of a vault that has something else to do, or begins anew. */
const busy = 'vault-busy'

/** Whether a vault could not be reached, or the connection broke. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof HdsyncError && error.kind === unreachable
}

/** Whether a vault has said that it is to be asked again later. */
export function isBusy(error: unknown): boolean {
  return error instanceof HdsyncError && error.kind === busy
}

/** What a vault has refused, in its words. What it refuses for now can be asked for again; see `isBusy`. */
export function refusedBy(
  vault: Reach,
  { error, isFinal }: Pick<VaultRefusal, 'error' | 'isFinal'>,
): HdsyncError {
  const message = `${vault.isHost ? '' : 'the vault '}${vaultText(vault)} refuses: ${plainText(error)}`
  if (isFinal) return new TerminalError(message)
  return new RetryableError(message, { kind: error.includes(askAgainLater) ? busy : undefined })
}

type Failure = Pick<CommandError, 'exitCode' | 'stderr' | 'timedOut' | 'signal'>

/**
 * Tells in words why ssh(1), or rsync(1) by way of it, has failed.
 * @param name The place, or the host, as the config has it, for the next command to type; undefined where it has none.
 */
export function sshFailure(failure: Failure, vault: Reach, name: string | undefined): HdsyncError {
  const { exitCode, timedOut } = failure
  const lines = failure.stderr.split('\n').map(plainText)
  const refusals = lines.flatMap((line) => refusalInLine(line) ?? [])
  // What the vault's own command says stands before what ssh and rsync make of its end.
  if (refusals.length > 0)
    return refusedBy(vault, {
      error: refusals
        .map(({ error }) => error)
        .join('; ')
        .slice(0, 2000),
      isFinal: refusals.some(({ isFinal }) => isFinal),
    })
  const stderr = lines.join('\n')
  const where = vaultText(vault)
  const said = lastLines(stderr, 2)
  const terminal = (message: string, hint?: string) => new TerminalError(message, { hint })
  const { isHost = false } = vault
  const trust =
    name === undefined ? trustByHand(vault) : `${isHost ? 'hdsync vault' : 'hdsync copies'} trust ${name}`
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/i.test(stderr))
    return terminal(
      `the host key of ${where} has changed: nothing was ${isHost ? 'fetched' : 'sent'}`,
      `somebody may be in between; if its administrator says that it has a new key: ${trust}`,
    )
  if (/Host key verification failed|No \S+ host key is known/i.test(stderr))
    return terminal(`the host key of ${where} is not known`, trust)
  if (/UNPROTECTED PRIVATE KEY FILE|bad permissions/i.test(stderr))
    return terminal(`others can read ${vault.keyFile}: ssh does not use it`, `chmod 600 ${vault.keyFile}`)
  if (/Identity file \S+ not accessible|no such identity/i.test(stderr))
    return terminal(
      `there is no key ${vault.keyFile}`,
      name === undefined
        ? '--key-file FILE: the one that the vault knows the host by'
        : `ssh-keygen -t ed25519 -N '' -f ${vault.keyFile}`,
    )
  if (/Permission denied|Too many authentication failures/i.test(stderr))
    return terminal(
      `${where} does not let ${vault.keyFile} in: ${said}`,
      isHost
        ? `hdsync vault add-host ${name} prints the line that its authorized_keys needs`
        : 'on the vault, hdsync vault add-host prints the line that authorized_keys needs',
    )
  if (timedOut || hasBroken(stderr))
    return new RetryableError(`${where} cannot be reached: ${timedOut ? 'no answer in time' : said}`, {
      kind: unreachable,
    })
  if (/command not found|: not found/i.test(stderr))
    return terminal(`${where} does not run what it was asked for: ${said}`, 'install hdsync and rsync there')
  if (exitCode === undefined || broken.has(exitCode))
    return new RetryableError(`the connection to ${where} broke${said ? `: ${said}` : ''}`, {
      kind: unreachable,
    })
  return terminal(`${where}: ${said || `the command ended with exit code ${exitCode}`}`)
}

function trustByHand({ host, port, knownHosts }: Reach): string {
  return `ssh-keyscan -t ed25519 -p ${port} ${bareHost(host)} >> ${knownHosts}; compare, on the vault: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`
}

/** Exit codes of ssh(1), and of rsync(1) where its other end is gone. @see rsync(1), "EXIT VALUES" */
const broken = new Set([10, 12, 20, 30, 35, 255])

function hasBroken(stderr: string): boolean {
  return /Connection (refused|timed out|reset|closed)|Operation timed out|No route to host|unreachable|Could not resolve hostname|Temporary failure in name resolution|Broken pipe|Timeout, server|kex_exchange_identification|Connection to \S+ closed/i.test(
    stderr,
  )
}
