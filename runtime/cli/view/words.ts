import type { DataOf, Envelope, EventDefinition } from '../../../events/index.ts'
import * as events from '../../../events/index.ts'
import { tellingLine } from '../../backup/telling-line.ts'
import { count, counted } from '../../count.ts'
import { formatBytes, formatDuration } from '../../units.ts'
import { heldText, unusualText } from '../../why-held.ts'
import { localDay, localTime, printable } from '../format.ts'

export { count, counted } from '../../count.ts'

type Words = { [type: string]: (data: never, attempt: number) => string }

function say<E extends EventDefinition>(
  event: E,
  words: (data: DataOf<E>, attempt: number) => string,
): [string, Words[string]] {
  return [event.type, words as Words[string]]
}

/** What each event says to a person who follows a run. Those that are left out are of no interest there. */
const sentences = new Map<string, Words[string]>([
  say(events.runStarted, ({ sources }) => `begins: ${sources.join(', ')}`),
  say(events.snapshotCreate, (_, attempt) => `takes a snapshot${again(attempt)}`),
  say(events.snapshotBefore, () => 'waits for functions that get ready for the snapshot'),
  say(events.sourceBefore, () => 'waits for functions that get ready for the copy'),
  say(events.snapshotMount, (_, attempt) => `mounts the snapshot${again(attempt)}`),
  say(
    events.snapshotRefused,
    ({ reason, kernel, attemptsLeft }) =>
      `mount refused, ${counted(attemptsLeft, 'attempt')} left: ${reason}${kernel.length > 0 ? ` (kernel: ${tellingLine(kernel)})` : ''}`,
  ),
  say(
    events.snapshotOverflowed,
    ({ sizeBytes, attemptsLeft }) =>
      `the snapshot of ${formatBytes(sizeBytes)} overflowed, ${counted(attemptsLeft, 'attempt')} left`,
  ),
  say(
    events.snapshotExtended,
    ({ fromBytes, toBytes }) => `snapshot extended from ${formatBytes(fromBytes)} to ${formatBytes(toBytes)}`,
  ),
  say(events.mirrorSuspect, ({ reason }) => `the mirror is suspect until the next good sync: ${reason}`),
  say(events.syncRun, () => 'copies'),
  say(events.sourceSynced, ({ filesTransferred, bytesTransferred, filesDeleted, unchanged, warning }) =>
    unchanged
      ? 'mirror done: nothing has changed'
      : `mirror done: ${counted(filesTransferred, 'file')}, ${formatBytes(bytesTransferred)} copied, ${count(filesDeleted)} deleted${warning ? `; ${warning}` : ''}`,
  ),
  say(events.syncUnusual, (unusual) => `UNUSUAL: ${unusualText(unusual)}`),
  say(events.syncMeant, () => 'what was unusual was meant'),
  say(events.syncDismissed, () => 'the hold was dismissed'),
  say(events.syncHeld, (held) => `HELD: ${heldText(held)}`),
  say(
    events.snapshotReleased,
    ({ usedPercent }) => `snapshot removed${usedPercent === null ? '' : `, ${usedPercent}% of it was used`}`,
  ),
  say(events.archiveWeekly, () => 'writes the archive'),
  say(
    events.sourceArchived,
    ({ path, sizeBytes, ...from }) => `archive ${path}, ${formatBytes(sizeBytes)}${whence(sizeBytes, from)}`,
  ),
  say(events.sourceKept, ({ added, pruned }) =>
    [
      ...(added.length > 0 ? [`keeps ${added.join(', ')}`] : []),
      ...(pruned.length > 0 ? [`removes ${pruned.join(', ')}`] : []),
    ].join('; '),
  ),
  say(events.archiveDamaged, ({ path, reason }) => `DAMAGED: ${path}: ${reason}`),
  say(events.sourceFailed, ({ step, reason, cancelled }) =>
    cancelled ? `cancelled at ${step}` : `FAILED${at(step)}: ${reason}`,
  ),
  say(events.sourceWarned, ({ step, reason }) => `warning${at(step)}: ${reason}`),
  say(events.runWarned, ({ reason }) => `warning: ${reason}`),
  say(
    events.runOverdue,
    ({ lastSuccessAt, firstSeenAt }) =>
      `OVERDUE: no good backup since ${localTime(Date.parse(lastSuccessAt ?? firstSeenAt))}`,
  ),
  say(
    events.functionOverdue,
    ({ function: name, schedule, lastSuccessAt, firstSeenAt }) =>
      `OVERDUE: ${name} (${schedule}) has not ended well since ${localTime(Date.parse(lastSuccessAt ?? firstSeenAt))}`,
  ),
  // What else is given up says so itself.
  say(events.deadLettered, ({ hook, reason, function: name, type, tries }) => {
    if (hook !== undefined) return `hook ${hook} was not told: ${reason}`
    // What a step of our own has given up, its source says.
    return name === type ? '' : `${name} gave up ${type} after ${counted(tries, 'attempt')}: ${reason}`
  }),
  say(events.hookDisabled, ({ hook, reason }) => `hook ${hook} is disabled: ${reason}`),
  say(
    events.unitFailed,
    ({ unit, result, exitStatus, reason }) =>
      `${unit} failed (${reason ?? ([result, exitStatus].filter(Boolean).join(' ') || 'no cause told')})`,
  ),
  say(events.restoreUnpack, ({ sizeBytes }) =>
    sizeBytes === undefined ? 'unpacking' : `unpacking ${formatBytes(sizeBytes)}`,
  ),
  say(events.restorePlace, ({ root }) => `putting everything in its place in ${root}`),
  say(events.restoreFinished, ({ root }) => `restored into ${root}`),
  say(events.restoreFailed, ({ reason }) => `RESTORE FAILED: ${reason}`),
  say(events.verifyArchive, ({ path }) => `reads ${path}`),
  say(events.verifyMirror, () => 'compares the mirror with its archive or source'),
  say(
    events.archiveProven,
    ({ path, isNew }) => `proven: ${path}${isNew ? ' unpacks; from now on, as nothing was on record' : ''}`,
  ),
  say(
    events.mirrorProven,
    ({ files, bytes, complete, unproven = 0 }) =>
      `mirror compared: ${counted(files, 'file')}, ${formatBytes(bytes)}${unproven > 0 ? `; ${counted(unproven, 'file')} cannot be proven` : ''}${complete ? '' : '; it goes on there the next time'}`,
  ),
  say(
    events.mirrorHealed,
    ({ count, paths }) => `HEALED: ${counted(count, 'file')} had rotted, and were replaced: ${few(paths)}`,
  ),
  say(
    events.mirrorDoubtful,
    ({ count, paths, reason, mirror, archive, live }) =>
      `DIFFERENT in ${mirror} and ${archive ?? live}: ${counted(count, 'file')}, ${reason}: ${few(paths)}`,
  ),
  say(events.verifyFinished, ({ state, reason }) => `${state}${reason === null ? '' : `: ${reason}`}`),
  say(events.verifyFailed, ({ reason }) => `VERIFICATION FAILED: ${reason}`),
  say(events.drillRestore, ({ whole }) => (whole ? 'restores all of it' : 'restores a sample')),
  say(
    events.drillRestored,
    ({ files, folder }) =>
      `${count(files)} ${files === 1 ? 'entry' : 'entries'} restored into ${folder}, as recorded`,
  ),
  say(events.drillJudge, () => 'waits for functions that judge it'),
  say(
    events.drillFinished,
    ({ sources }) => `drill done: ${sources.map(({ source }) => source).join(', ')} proven`,
  ),
  say(events.drillFailed, ({ reason }) => `DRILL FAILED: ${reason}`),
  say(
    events.drillOverdue,
    ({ lastProvenAt }) =>
      `OVERDUE: no drill has gone well${lastProvenAt ? ` since ${localTime(Date.parse(lastProvenAt))}` : ''}`,
  ),
  say(
    events.copySend,
    ({ copy, source, at, to }) => `${copy}: copies ${source} of ${at.slice(0, 10)} to ${to}`,
  ),
  say(events.copyProve, ({ as, to }) =>
    as === 'linked' ? '' : `reads ${to} ${as === 'again' ? 'again' : 'back'}`,
  ),
  say(
    events.copyProved,
    ({ to, linked }) => `proven: ${to}${linked ? ', a further name of a copy of the same bytes' : ''}`,
  ),
  say(events.copyKept, ({ copy, pruned }) =>
    pruned.length > 0 ? `${copy}: removes ${pruned.join(', ')}` : '',
  ),
  say(
    events.copyFinished,
    ({ state, copies, reason }) =>
      `copies ${state}${state === 'succeeded' ? `: ${copies.map(({ copy }) => copy).join(', ')}` : `: ${reason ?? ''}`}`,
  ),
  say(events.copyFailed, ({ reason }) => `COPY FAILED: ${reason}`),
  say(
    events.copyOverdue,
    ({ copy, lastGoodAt }) =>
      `OVERDUE: ${copy} has not had every archive${lastGoodAt ? ` since ${localTime(Date.parse(lastGoodAt))}` : ''}`,
  ),
  say(
    events.vaultAccepted,
    ({ host, source, at, sizeBytes }) =>
      `${host}: ${source} of ${at.slice(0, 10)}, ${formatBytes(sizeBytes)}, is in the vault`,
  ),
  say(events.vaultOdd, ({ host, source, reasons }) => `ODD: ${source} of ${host}: ${reasons.join('; ')}`),
  say(
    events.vaultDamaged,
    ({ host, damaged }) =>
      `DAMAGED: ${damaged.map(({ file, reason }) => `${file} of ${host}: ${reason}`).join('; ')}`,
  ),
  say(events.vaultFull, ({ reason }) => `NO ROOM: ${reason}`),
  say(events.vaultFailed, ({ host, reason }) => `FAILED: nothing is fetched from ${host}: ${reason}`),
  say(
    events.vaultOverdue,
    ({ host, lastAt, reason }) =>
      `OVERDUE: nothing has come of ${host} ${lastAt === null ? 'ever' : `since ${localTime(Date.parse(lastAt))}`}${reason === null ? '' : `: ${reason}`}`,
  ),
  say(
    events.fleetCertificateEnding,
    ({ endsAt }) => `ENDS: the certificate of the NATS server, at ${localTime(Date.parse(endsAt))}`,
  ),
  say(
    events.fleetHubGone,
    ({ hub, heardAt }) => `GONE: nothing is heard of the hub ${hub} since ${localTime(Date.parse(heardAt))}`,
  ),
  say(
    events.fleetSilent,
    ({ host, heardAt }) => `SILENT: nothing is heard of ${host} since ${localTime(Date.parse(heardAt))}`,
  ),
  say(events.fleetCommandGiven, ({ host, type }) => `asks ${host} for ${type}`),
  say(events.fleetCommandWithdrawn, ({ host }) => `asks ${host} no more`),
  say(
    events.commandTaken,
    ({ type, run }) => `does what the hub asks for: ${type}${run ? `, run ${run}` : ''}`,
  ),
  say(events.commandRefused, ({ type, reason }) => `REFUSES what the hub asks for: ${type}: ${reason}`),
  say(events.fleetPaused, ({ pauses }) =>
    pauses.length === 0
      ? 'nothing is paused any more'
      : `paused: ${pauses.map(({ of, name }) => (of === 'all' ? 'everything' : `${of} ${name}`)).join(', ')}`,
  ),
  say(
    events.slotAwaited,
    ({ server, until }) =>
      `waits for a slot of ${server}; goes on without one at ${localTime(Date.parse(until))}`,
  ),
  say(events.slotTaken, ({ server, waitedMs, without }) => {
    const after = waitedMs > 0 ? `, after ${formatDuration(waitedMs)}` : ''
    if (without === null) return `has a slot of ${server}, after ${formatDuration(waitedMs)}`
    if (without === 'passed') return `does not wait for a slot of ${server}, as it was told to${after}`
    return `goes on without a slot of ${server}${without === 'unknown' ? ', which the hub does not know' : `, after ${formatDuration(waitedMs)}`}`
  }),
  ...events.runEnds.map((end) => say(end, ({ state }) => `${state}`)),
])

/** An event in a person's words; undefined when there is nothing to say. */
export function wordsOf(event: Envelope): string | undefined {
  const told = events.toldByHost(event)
  if (!told) return sentences.get(event.type)?.(event.data as never, event.attempt)
  const definition = events.catalogue.get(told.event.type)
  // What a host says of itself may be anything.
  const data = definition && events.dataOf(definition, told.event)
  const words = data === undefined ? undefined : wordsOf({ ...told.event, data })
  return words && `${told.host}: ${words}`
}

function few(paths: readonly string[]): string {
  const more = paths.length > 5 ? `, … (${paths.length})` : ''
  return `${paths.slice(0, 5).map(printable).join(', ')}${more}`
}

/** What is wrong with a target speaks for itself. */
function at(step: string): string {
  return step === events.targetOpen.type ? '' : ` at ${step}`
}

/** Where what stands in an archive comes from, if not from the mirror alone. */
function whence(
  sizeBytes: number,
  { unchangedSince, linkedFrom, takenFrom, takenBytes = 0 }: Partial<DataOf<typeof events.sourceArchived>>,
): string {
  if (unchangedSince) {
    return `: unchanged since ${localDay(Date.parse(unchangedSince))}, ${linkedFrom ? 'linked' : 'kept'}`
  }
  return takenFrom ? `: ${Math.floor((100 * takenBytes) / sizeBytes)}% as in ${takenFrom}` : ''
}

function again(attempt: number): string {
  return attempt > 1 ? `, attempt ${attempt}` : ''
}
