import type * as z from 'zod'
import {
  type Command,
  cancelType,
  commandText,
  commandTypes,
  longestCommandMs,
  type signedCommand,
} from '../../../fleet-protocol.ts'
import { hubKeyIn, isSigned } from '../../../host/fleet/command-key.ts'
import { formatDuration } from '../../../units.ts'
import { cancelRequest } from './requests.ts'

/** What a host goes by when its hub asks for something. */
export interface Obedience {
  host: string
  /** The certificates and the key that it was given when it joined. */
  ca: string
  obeys: readonly string[]
  /** How long it remembers what it was asked for. */
  keepMs: number
  /** By its clock, in milliseconds since the epoch. */
  now: number
}

/** The hub's clock may be ahead by so much. */
const skewMs = 10 * 60_000

export type CommandVerdict =
  /** `strange`: not of the hub, or not for this host. Nobody is told but the log: whoever has sent it is not known. */
  { strange: string } | { command: Command; refusal: string | undefined }

/** What a host makes of what its hub asks for, before it looks whether it did it already. */
export function judgeCommand(
  { text, signature }: z.output<typeof signedCommand>,
  { host, ca, ...rest }: Obedience,
): CommandVerdict {
  const command = readText(text)
  if (!command) return { strange: 'it cannot be read' }
  if (command.host !== host) return { strange: `it is for ${command.host}` }
  const key = hubKeyIn(ca)
  if (key === undefined) return { strange: 'the key of the hub is not known here: let this host join again' }
  if (!isSigned(text, signature, key)) return { strange: 'the hub has not signed it' }
  return { command, refusal: refusalOf(command, rest) }
}

function refusalOf(
  { type, request, issuedAt, expiresAt }: Command,
  { obeys, keepMs, now }: Omit<Obedience, 'host' | 'ca'>,
): string | undefined {
  const [issued, expires] = [Date.parse(issuedAt), Date.parse(expiresAt)]
  const longestMs = Math.min(longestCommandMs, keepMs)
  if (expires <= now) return `it was good until ${expiresAt}`
  if (issued > now + skewMs) return `it is of ${issuedAt}, which is still to come by the clock here`
  if (expires - issued > longestMs)
    return `it is good for ${formatDuration(expires - issued)}; ${formatDuration(longestMs)} are allowed here`
  const needed = type === cancelType ? cancelRequest.safeParse(request).data?.type : type
  if (needed === undefined || !commandTypes.some((known) => known === needed))
    return `${type} is nothing that this hdsync knows how to obey`
  if (obeys.includes(needed)) return undefined
  const own = obeys.length === 0 ? 'nothing' : obeys.join(', ')
  return `this host obeys ${own}, not ${needed}: \`fleet.obeys\` in its config`
}

function readText(text: string): Command | undefined {
  try {
    return commandText.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
