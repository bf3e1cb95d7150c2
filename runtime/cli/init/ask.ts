import { CANCEL_SYMBOL, cancel, confirm, intro, log, multiselect, note, select, text } from '@clack/prompts'
import { CancelledError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { archiveDoubt, type Choices, defaultArchive, defaultChoices, usedBytes } from './choices.ts'
import type { Proposal } from './proposal.ts'
import type { ProposedSource } from './sources.ts'
import type { Candidate } from './targets.ts'

const elsewhere = ' elsewhere'
const none = ' none'

/**
 * Asks in the terminal what of a proposal is wanted.
 * @param folder Turns a path that was typed into a candidate, or says what is wrong with it.
 * @throws {CancelledError} Ctrl-C or Escape: nothing has been changed yet.
 */
export async function ask(
  proposal: Proposal,
  folder: (path: string) => Candidate | string,
): Promise<{ proposal: Proposal; choices: Choices }> {
  intro('hdsync init')
  if (proposal.leftOut.length > 0) {
    note(proposal.leftOut.map(({ what, why }) => `${what}: ${why}`).join('\n'), 'Left out')
  }
  const sources = await answer(
    multiselect({
      message: 'What is to be backed up?',
      options: proposal.sources.map((one) => ({ value: one.name, label: one.at, hint: hintOfSource(one) })),
      initialValues: proposal.sources.map(({ name }) => name),
      required: true,
    }),
  )
  const chosen = proposal.sources.filter(({ name }) => sources.includes(name))
  for (const { warning } of chosen) if (warning) log.warn(warning)
  const { target, known } = await askForTarget(proposal, chosen, folder)
  const archive = await askForArchive({ ...known, sources: chosen }, target)
  return { proposal: known, choices: { sources, target: target.name, archive } }
}

async function askForTarget(
  proposal: Proposal,
  chosen: readonly ProposedSource[],
  folder: (path: string) => Candidate | string,
): Promise<{ target: Candidate; known: Proposal }> {
  if (proposal.targets.length === 0) {
    log.warn('No disk for backups was found: one that no source lies on, with a file system.')
  }
  const name = await answer(
    select({
      message: `Where do the mirrors go? They take ${formatBytes(usedBytes(chosen))} at first.`,
      options: [
        ...proposal.targets.map((one) => ({ value: one.name, label: one.at, hint: hintOfTarget(one) })),
        { value: elsewhere, label: 'Another folder …' },
      ],
      initialValue: defaultChoices(proposal)?.target ?? proposal.targets[0]?.name ?? elsewhere,
    }),
  )
  const listed = proposal.targets.find((one) => one.name === name)
  if (listed) return { target: listed, known: proposal }
  const path = await answer(
    text({
      message: 'Which folder?',
      placeholder: '/srv/backup',
      validate: (value) => {
        const found = folder(value ?? '')
        return typeof found === 'string' ? found : undefined
      },
    }),
  )
  const target = folder(path) as Candidate
  return { target, known: { ...proposal, targets: [...proposal.targets, target] } }
}

async function askForArchive(proposal: Proposal, target: Candidate): Promise<string | null> {
  const others = proposal.targets.filter((one) => one !== target)
  const message = 'Keep an archive of each mirror for each day of the week?'
  const wanted = defaultArchive(proposal, target)
  const doubt = archiveDoubt(proposal, target)
  if (doubt) log.warn(`Archives are off unless you want them: ${doubt}.`)
  if (others.length === 0) {
    const yes = await answer(
      confirm({ message: `${message} On ${target.at} too.`, initialValue: wanted !== undefined }),
    )
    return yes ? target.name : null
  }
  const place = await answer(
    select({
      message,
      options: [
        ...[...others, target].map((one) => ({
          value: one.name,
          label: `On ${one.at}`,
          hint: hintOfTarget(one),
        })),
        { value: none, label: 'No archives' },
      ],
      initialValue: wanted?.name ?? none,
    }),
  )
  return place === none ? null : place
}

/** Whether the nightly timer is wanted. */
export async function askForTimer(): Promise<boolean> {
  return answer(confirm({ message: 'Back up every night (hdsync-backup.timer)?', initialValue: true }))
}

/** Whether all of it is to be written now. @param warnings What has not been said before. */
export async function askToWrite(
  file: string,
  config: string,
  warnings: readonly string[],
): Promise<boolean> {
  for (const warning of warnings) log.warn(warning)
  note(config.slice(config.search(/^sources:/m)).trimEnd(), file, { format: (line) => line })
  return answer(confirm({ message: `Write ${file}, and mark the targets as hdsync's?`, initialValue: true }))
}

async function answer<T>(asked: Promise<T | typeof CANCEL_SYMBOL>): Promise<T> {
  const given = await asked
  if (given !== CANCEL_SYMBOL) return given as T
  throw cancelled()
}

export function cancelled(): CancelledError {
  cancel('Nothing was written.')
  return new CancelledError('init was cancelled: nothing was written')
}

function hintOfSource({ lv, type, usedBytes }: ProposedSource): string {
  const used = usedBytes === null ? '' : `, ${formatBytes(usedBytes)} in use`
  return `${type}${used}, ${lv ? `by snapshots of ${lv}` : 'copied as it is'}`
}

function hintOfTarget({ path, type, mounted, sizeBytes, freeBytes, removable }: Candidate): string {
  const room = freeBytes === null ? sizeBytes : freeBytes
  const size = room === null ? '' : `, ${formatBytes(room)}${freeBytes === null ? '' : ' free'}`
  return `${path}, ${type}${size}${mounted ? '' : ', not mounted'}${removable ? ', can be pulled out' : ''}`
}
