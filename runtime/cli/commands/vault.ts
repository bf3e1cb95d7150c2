import { type Checked, checkCopies as readCopies } from '../../backup/vault/check.ts'
import { overviewOf } from '../../backup/vault/overview.ts'
import { release } from '../../backup/vault/release.ts'
import { loadConfig } from '../../config/load.ts'
import type { Vault } from '../../config/vault.ts'
import { counted } from '../../count.ts'
import { UsageError } from '../../errors.ts'
import { didYouMean } from '../../nearest.ts'
import { formatBytes, parseBytes, parseDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { toolsFor, vaultOf } from '../vault/door.ts'
import { vaultText } from '../vault/status-text.ts'

interface VaultOptions {
  config?: string
  json?: boolean
}

/**
 * `hdsync vault status`: what the vault has of each host. Looks only.
 * @returns 3 where something is odd or damaged, be it a record, fetching has failed or nothing has come for too long, or a host of the
 * config has no folder yet. A host that is only away is none of that.
 */
export async function vaultStatusCommand(
  host: string | undefined,
  options: VaultOptions,
  io: Io,
): Promise<number> {
  const vault = await vaultIn(options, io)
  const overview = overviewOf(vault, hostsMeant(vault, host))
  if (options.json) io.stdout(`${JSON.stringify(overview)}\n`)
  else io.stdout(vaultText(overview, Date.now(), painter(io.colour), io.width))
  const needsLook = overview.some(
    ({ prepared, record, sources, pull }) =>
      !prepared ||
      record !== null ||
      pull?.overdue ||
      (pull?.error && !pull.passes) ||
      sources.some(({ odd, damaged }) => odd !== null || damaged > 0),
  )
  return needsLook ? exitCodes.degraded : exitCodes.succeeded
}

/**
 * `hdsync vault check`: reads copies again, those first that were not read for the longest time.
 * @returns 1 where one is not what was accepted, or a record cannot be read.
 */
export async function vaultCheckCommand(
  host: string | undefined,
  options: VaultOptions & { budget?: string; bytes?: string; all?: boolean },
  io: Io,
): Promise<number> {
  const vault = await vaultIn(options, io)
  const hosts = hostsMeant(vault, host)
  const limits = {
    budgetMs: limit('--budget', options.budget, parseDuration, '30m'),
    bytes: limit('--bytes', options.bytes, parseBytes, '50G'),
    all: options.all,
  }
  const checked = await readCopies(hosts, limits, toolsFor(vault))
  io.stdout(options.json ? `${JSON.stringify(checked)}\n` : checkedText(checked))
  return checked.damaged.length > 0 || checked.records.length > 0 ? exitCodes.failed : exitCodes.succeeded
}

/** `hdsync vault release`: says that what was odd about a host, or one of its sources, was meant: older copies expire again. */
export async function vaultReleaseCommand(
  host: string,
  source: string | undefined,
  options: VaultOptions,
  io: Io,
): Promise<number> {
  const vault = await vaultIn(options, io)
  hostsMeant(vault, host)
  const released = await release(host, source, toolsFor(vault))
  if (released.length === 0)
    throw new UsageError(`nothing is odd about ${source ? `${source} of ` : ''}${host}`)
  if (options.json) io.stdout(`${JSON.stringify({ host, released })}\n`)
  else
    io.stdout(
      `${released.join(', ')} of ${host}: older copies go again as \`keep\` says, with the next that arrives or the next \`hdsync vault check\`\n`,
    )
  return exitCodes.succeeded
}

async function vaultIn(options: VaultOptions, { env }: Io): Promise<Vault> {
  return vaultOf(await loadConfig({ path: options.config, env }))
}

/** @throws {UsageError} There is no such host. */
export function hostsMeant({ hosts }: Vault, host: string | undefined): string[] {
  const known = Object.keys(hosts)
  if (host === undefined) return known
  if (known.includes(host)) return [host]
  throw new UsageError(`the vault has no host ${host}`, {
    hint:
      didYouMean(host, known) ??
      (known.length > 0 ? `it has ${known.join(', ')}` : 'see `vault.hosts` in the config'),
  })
}

function limit(
  option: string,
  text: string | undefined,
  parse: (text: string) => number | undefined,
  example: string,
): number | undefined {
  if (text === undefined) return undefined
  const value = parse(text)
  if (value) return value
  throw new UsageError(`${option} ${text} is not understood`, { hint: `write ${option} ${example}` })
}

function checkedText({ files, bytes, damaged, unrecorded, records, left }: Checked): string {
  const lines = damaged.map(({ host, file, reason }) => `DAMAGED: ${file} of ${host}: ${reason}`)
  for (const { host, reason } of records)
    lines.push(`DAMAGED: the record of ${host}: ${reason}: none of its copies goes`)
  for (const path of unrecorded) lines.push(`on no record: ${path}`)
  const more = left > 0 ? `; ${counted(left, 'file')} left for the next time` : ''
  const good = `${counted(files - damaged.length, 'file')} of copies good, ${formatBytes(bytes)} read${more}`
  if (damaged.length > 0)
    lines.push(
      'look after the disk (dmesg, smartctl); the host sends what it still has again with `hdsync copy`',
    )
  return `${[...lines, good].join('\n')}\n`
}
