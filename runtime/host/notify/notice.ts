import {
  archiveDamaged,
  copyFailed,
  copyOverdue,
  type DataOf,
  deadLettered,
  drillFailed,
  drillFinished,
  drillOverdue,
  type Envelope,
  type EventDefinition,
  fleetCertificateEnding,
  fleetHubGone,
  fleetSilent,
  functionOverdue,
  hookDisabled,
  mirrorDoubtful,
  mirrorHealed,
  type RunResult,
  readStored,
  restoreFailed,
  restoreFinished,
  runEnds,
  runOverdue,
  runStarted,
  runWarned,
  type SourceResult,
  sourceFailed,
  syncHeld,
  syncUnusual,
  toldByHost,
  unitFailed,
  vaultDamaged,
  vaultFailed,
  vaultFull,
  vaultOdd,
  vaultOverdue,
  verifyFailed,
  verifyFinished,
} from '../../../events/index.ts'
import { count } from '../../count.ts'
import { neverBegan, tookMs } from '../../run-duration.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { heldText, unusualText } from '../../why-held.ts'

/** How much an event should disturb. */
export type Urgency = 'good' | 'news' | 'warning' | 'bad'

/** An event in words for a person who knows hdsync only a little. */
export interface Notice {
  /** One line: where it happened, and what. */
  title: string
  /** Plain text, in lines of any length, that ends without a line break. */
  text: string
  urgency: Urgency
}

/** Puts an event into words. What no words are known for is shown as it is. */
export function noticeOf(event: Envelope): Notice {
  const host = event.source.split('/').at(-1) ?? ''
  const { test: _, ...data } = { ...(event.data as object & { test?: boolean }) }
  const own = { ...event, data }
  const told = toldByHost(own)?.event ?? own
  const { what, text } = wordsFor(told, host)
  const mark = isTest(event) ? 'test: ' : ''
  const preface = isTest(event)
    ? 'This is a test of the notifications. What follows has not happened.\n\n'
    : ''
  return { title: `hdsync on ${host}: ${mark}${what}`, text: `${preface}${text}`, urgency: urgencyOf(told) }
}

/** Whether it is a sample that `hdsync notify test` made. */
export function isTest({ data }: Pick<Envelope, 'data'>): boolean {
  return (data as { test?: unknown } | null | undefined)?.test === true
}

/** The beginning of a text, in so many bytes of UTF-8; a character that the cut goes through is left out. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBytes) return text
  return new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true })
}

function urgencyOf({ type }: Envelope): Urgency {
  if (type === 'run.succeeded') return 'good'
  if (/\.(?:failed|overdue|lettered|damaged|silent)$/.test(type)) return 'bad'
  const odd = /\.(?:degraded|held|cancelled|warned|refused|overflowed|suspect|disabled|healed|doubtful)$/
  return odd.test(type) ? 'warning' : 'news'
}

interface Words {
  what: string
  text: string
}

function wordsFor(event: Envelope, host: string): Words {
  for (const [definition, words] of phrases) {
    if (definition.type !== event.type) continue
    const { success, data } = readStored(definition, event.data)
    if (success) return words(data as never, host)
  }
  const facts = Object.entries(event.data ?? {}).map(([key, value]) => `${key}: ${valueText(value)}`)
  return { what: [event.type, event.subject].filter(Boolean).join(' '), text: facts.join('\n') || event.type }
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function say<E extends EventDefinition>(
  event: E,
  words: (data: DataOf<E>, host: string) => Words,
): [EventDefinition, (data: never, host: string) => Words] {
  return [event, words]
}

const phrases = [
  ...runEnds.map((end) => say(end, runWords)),
  say(runStarted, ({ sources }, host) => ({
    what: 'backup begins',
    text: `The backup of ${host} begins: ${sources.join(', ')}.`,
  })),
  say(restoreFinished, ({ source, root }, host) => ({
    what: `${source} was restored`,
    text: `What was asked for of ${source} is back, on ${host} in ${root}.`,
  })),
  say(restoreFailed, ({ source, root, reason, missing }, host) => ({
    what: `a restore of ${source} failed`,
    text: [`The restore into ${root} on ${host} failed: ${reason}`, ...missing].join('\n'),
  })),
  say(archiveDamaged, ({ source, path, reason }, host) => ({
    what: `an archive of ${source} is damaged`,
    text: `${path} on ${host} is damaged: ${reason}.\n\nNothing is taken from it any more. What else there is of ${source}: hdsync backups ${source}`,
  })),
  say(mirrorHealed, ({ source, count: files, paths }, host) => ({
    what: `files in the mirror of ${source} had rotted, and were replaced`,
    text: `${count(files)} on ${host} did not hold what they did when they were copied, and were replaced from the source. Look after the disk: dmesg, smartctl.\n\n${paths.join('\n')}`,
  })),
  say(mirrorDoubtful, ({ source, count: files, paths, mirror, archive, live, reason }, host) => ({
    what: `mirror and ${archive ? 'archive' : 'source'} of ${source} differ`,
    text: `${count(files)} on ${host} in ${mirror} and in ${archive ?? live} differ, and nobody can tell which is right: ${reason}. Nothing was changed.\n\n${paths.join('\n')}`,
  })),
  say(verifyFailed, ({ reason }, host) => ({
    what: 'backups could not be verified',
    text: `The backups of ${host} could not be read again: ${reason}`,
  })),
  say(verifyFinished, ({ state, archives, files, bytes, reason }, host) => ({
    what: `verification ${state}`,
    text: `The backups of ${host} were read again: ${count(archives)} archives, ${count(files)} files of mirrors, ${formatBytes(bytes)}.${reason === null ? '' : `\n\n${reason}`}`,
  })),
  say(drillFinished, ({ sources }, host) => ({
    what: 'a drill went well',
    text: sources
      .map(
        ({ source, whole, files, tookMs }) =>
          `${source}: ${whole ? 'all of it' : 'a sample'}, ${count(files)} ${files === 1 ? 'entry' : 'entries'}, came back on ${host} in ${formatDuration(tookMs ?? 0)}, as it was recorded.`,
      )
      .join('\n'),
  })),
  say(drillFailed, ({ reason, sources }, host) => ({
    what: 'a drill failed',
    text: [
      `A restore that was made on ${host} to prove that it works failed: ${reason}`,
      ...sources.flatMap(({ differences }) => differences),
      `\nTo repeat it, on ${host}: hdsync drill`,
    ].join('\n'),
  })),
  say(drillOverdue, ({ lastProvenAt, everyMs }, host) => ({
    what: 'no drill has gone well for too long',
    text: `${
      lastProvenAt
        ? `Not every source has been restored to prove it since ${localTime(lastProvenAt)}`
        : 'Not every source has ever been restored to prove it'
    }; the config asks for one every ${formatDuration(everyMs)}.\n\nTo make one now, on ${host}: hdsync drill`,
  })),
  say(copyFailed, ({ reason }, host) => ({
    what: 'archives could not be copied',
    text: `Not every archive of ${host} could be copied to its other place: ${reason}\n\nHow copies stand, on ${host}: hdsync copies\nTo go on with them: hdsync copy`,
  })),
  say(copyOverdue, ({ copy, lastGoodAt, afterMs }, host) => ({
    what: `copy ${copy} has not had every archive for too long`,
    text: `${
      lastGoodAt
        ? `${copy} had every archive of ${host} last at ${localTime(lastGoodAt)}`
        : `${copy} has never had every archive of ${host}`
    }; ${formatDuration(afterMs)} without are allowed. Is its disk plugged in?\n\nHow copies stand, on ${host}: hdsync copies\nTo copy now: hdsync copy ${copy}`,
  })),
  say(vaultOdd, ({ host: sender, source, reasons }, host) => ({
    what: `something is odd about what ${sender} sends`,
    text: `What ${sender} has sent of ${source} to the vault ${host} is odd: ${reasons.join('; ')}. This is what a host looks like that was emptied, encrypted or taken over. None of its older copies goes meanwhile.\n\nLook at ${sender}. How the vault stands, on ${host}: hdsync vault status ${sender}\nIf that is as it should be: hdsync vault release ${sender} ${source}`,
  })),
  say(vaultDamaged, ({ host: sender, damaged }, host) => ({
    what: `copies of ${sender} are damaged`,
    text: `In the vault ${host} these copies of ${sender} do not read back as they were written:\n${damaged.map(({ file, reason }) => `${file}: ${reason}`).join('\n')}\n\nLook after the disk, on ${host}: dmesg, smartctl\nHow the vault stands: hdsync vault status ${sender}\nWhat ${sender} still has it sends again: hdsync copy`,
  })),
  say(vaultFull, ({ host: sender, reason }, host) => ({
    what: `no room for the copies of ${sender}`,
    text: `The vault ${host} has refused an archive: ${reason}\n\nHow the vault stands, on ${host}: hdsync vault status ${sender}\nWhat is there stays; ${sender} offers the archive again after its next night.`,
  })),
  say(vaultFailed, ({ host: from, reason }, host) => ({
    what: `nothing can be fetched from ${from}`,
    text: `The vault ${host} could not fetch from ${from} what it has not got: ${reason}\n\nHow the vault stands, on ${host}: hdsync vault status ${from}\nTo fetch now: hdsync vault pull ${from}`,
  })),
  say(vaultOverdue, ({ host: from, lastAt, afterMs, reason }, host) => ({
    what: `nothing has come of ${from} for too long`,
    text: `${
      lastAt === null
        ? `Nothing has ever come of ${from} into the vault ${host}`
        : `The last copy of ${from} has come into the vault ${host} at ${localTime(lastAt)}`
    }; ${formatDuration(afterMs)} without are allowed. ${reason === null ? `${from} says that it has nothing new: does it back up?` : reason}\n\nHow the vault stands, on ${host}: hdsync vault status ${from}\nTo fetch now: hdsync vault pull ${from}`,
  })),
  say(fleetCertificateEnding, ({ endsAt }, host) => ({
    what: 'the certificate of the NATS server ends',
    text: `The certificate of the NATS server on ${host} is good until ${localTime(endsAt)}. After that no host of the fleet tells anything.\n\nAnother one, on ${host}: hdsync fleet init && systemctl restart nats-server`,
  })),
  say(fleetHubGone, ({ hub, heardAt }, host) => ({
    what: `nothing is heard of the hub ${hub}`,
    text: `${hub}, a hub of the fleet beside ${host}, has said nothing since ${localTime(heardAt)}. Until it is back it takes the place of no other one.\n\nOn ${hub}: systemctl status hdsync\nHow the fleet stands, on ${host}: hdsync fleet status`,
  })),
  say(fleetSilent, ({ host: silent, heardAt, silentAfterMs }, host) => ({
    what: `nothing is heard of ${silent}`,
    text: `${silent} has told its hub nothing since ${localTime(heardAt)}; ${formatDuration(silentAfterMs)} are allowed. Does it run, and does it reach the hub?\n\nHow the fleet stands, on ${host}: hdsync fleet status\nOn ${silent}: hdsync status, hdsync fleet send`,
  })),
  say(runWarned, ({ reason }) => ({ what: 'warning', text: reason })),
  say(sourceFailed, ({ source, step, reason, cancelled }) => ({
    what: `backup of ${source} ${cancelled ? 'cancelled' : 'failed'}`,
    text: `At the step ${step}: ${reason}`,
  })),
  say(syncHeld, (held, host) => ({
    what: `backup of ${held.source} is held`,
    text: `${held.source} ${heldText(held)}. ${
      held.deleted > 0
        ? `It was stopped after ${count(held.deleted)}.`
        : held.changes
          ? 'The mirror was not touched.'
          : 'Nothing was deleted.'
    }\n\nTo see what would go${held.changes ? ' and change' : ''}, on ${host}: hdsync show --held ${held.source}\nIf that is as it should be: hdsync release ${held.source}`,
  })),
  say(syncUnusual, (unusual, host) => ({
    what: unusual.held
      ? `unusually many files of ${unusual.source} would be changed`
      : `unusually many files of ${unusual.source} were changed`,
    text: `${unusual.source} on ${host}: ${unusualText(unusual)}.\n\nIf nobody meant to rewrite so many files, look for who did: hdsync diff ${unusual.source} --from 2d shows what has changed.`,
  })),
  say(runOverdue, ({ source, lastSuccessAt, firstSeenAt, allowedMs }, host) => ({
    what: `no backup of ${source} since ${localTime(lastSuccessAt ?? firstSeenAt)}`,
    text: `${
      lastSuccessAt
        ? `The last good backup of ${source} was at ${localTime(lastSuccessAt)}`
        : `There has never been a good backup of ${source}, which is in the config since ${localTime(firstSeenAt)}`
    }; ${formatDuration(allowedMs)} without one are allowed.\n\nTo see what happened, on ${host}: hdsync runs`,
  })),
  say(deadLettered, (data) => ({
    what: `${data.function} was given up`,
    text: `${data.function} was to handle ${data.type}${data.source ? ` of ${data.source}` : ''}, and was given up after ${data.tries} ${data.tries === 1 ? 'attempt' : 'attempts'}.\n\n${data.reason}`,
  })),
  say(unitFailed, ({ unit, result, exitStatus, reason }, host) => ({
    what: `${unit} failed`,
    text: [
      `${unit} failed on ${host}${reason ? '' : ` (${[result, exitStatus].filter(Boolean).join(' ') || 'no cause told'})`}.`,
      ...(reason ? [`\n${reason}`] : []),
      `\nTo see what is wrong, on ${host}: hdsync check${unit.endsWith('.service') ? `; journalctl -u ${unit}` : ''}`,
    ].join('\n'),
  })),
  say(functionOverdue, ({ function: name, schedule, lastSuccessAt, firstSeenAt }, host) => ({
    what: `${name} has not run since ${localTime(lastSuccessAt ?? firstSeenAt)}`,
    text: `${
      lastSuccessAt
        ? `The function ${name} (${schedule}) last ended well at ${localTime(lastSuccessAt)}`
        : `The function ${name} (${schedule}) has never ended well since ${localTime(firstSeenAt)}`
    }; its time has come twice since then.\n\nTo see why, on ${host}: hdsync logs ${name}`,
  })),
  say(hookDisabled, ({ hook, reason }) => ({
    what: `notification hook ${hook} is disabled`,
    text: `${reason}\n\nIt is used again once it is changed in the config.`,
  })),
]

function runWords(result: RunResult, host: string): Words {
  const { run, state, startedAt, endedAt, sources } = result
  const bad = sources.filter((one) => one.state !== 'succeeded').map(({ source }) => source)
  const took = tookMs(result)
  const width = Math.max(0, ...sources.map(({ source }) => source.length))
  const lines = [
    `The backup of ${host} ${outcomes[state]}.`,
    '',
    ...sources.map((one) =>
      `  ${one.source.padEnd(width)}  ${one.state.padEnd(9)}  ${sourceText(one)}`.trimEnd(),
    ),
    '',
    `${neverBegan(result) ? 'Asked ' : 'Began '} ${localTime(startedAt)}`,
    ...(endedAt === null || took === undefined
      ? []
      : [`Ended  ${localTime(endedAt)}, after ${formatDuration(took)}`]),
    `Run    ${run}`,
    ...sources
      .filter(({ state }) => state === 'held')
      .map(
        ({ source }) =>
          `\nTo see what would go, on ${host}: hdsync show --held ${source}\nTo resume it: hdsync release ${source}`,
      ),
    ...(state === 'succeeded' ? [] : ['', `To see what happened, on ${host}: hdsync show ${run}`]),
  ]
  return { what: `run ${state}${bad.length > 0 ? `: ${bad.join(', ')}` : ''}`, text: lines.join('\n') }
}

const outcomes: Record<RunResult['state'], string> = {
  running: 'is going on',
  succeeded: 'went well',
  degraded: 'is done, with warnings',
  held: 'waits for somebody to decide',
  failed: 'failed',
  cancelled: 'was cancelled',
}

function sourceText({
  filesTransferred,
  bytesTransferred,
  filesDeleted,
  archive,
  error,
}: SourceResult): string {
  const copied =
    filesTransferred === null
      ? undefined
      : `${filesTransferred} ${filesTransferred === 1 ? 'file' : 'files'}, ${formatBytes(bytesTransferred ?? 0)} copied, ${filesDeleted ?? 0} deleted`
  return [error, copied, archive && `archive ${archive}`].filter(Boolean).join('; ')
}

/** As the clock of this machine shows it, with its zone: a mail may be read in another one. */
function localTime(iso: string): string {
  const date = new Date(iso)
  const zone = date.toLocaleTimeString('en-GB', { timeZoneName: 'short' }).split(' ').at(-1)
  return `${date.toLocaleString('sv-SE')} ${zone}`
}
