import { Document, isMap, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import { formatBytes } from '../../units.ts'
import type { Draft } from './choices.ts'
import type { ProposedSource } from './sources.ts'
import type { Candidate } from './targets.ts'

const head = `What hdsync backs up, and to where. \`hdsync check\` looks for mistakes, \`hdsync plan\` shows
the commands of a run.

Each source is mirrored to a folder of its name on its target. Further keys of a source:
  exclude: patterns as rsync has them; /cache/ is at the top of the source, cache anywhere
  maxDelete: a sync that would delete more of the mirror is held (50%, or a number of files)
  maxChange: a sync that would change more of the mirror's files is held (40%, or a number of files)
  snapshot: { size: 100M }, mount: { attempts: 10, backoff: 1s..30s }    for logical volumes`

const tail = `Who is told how a run went:
notify:
  - { exec: [/usr/local/bin/page-me], on: [run.failed, sync.held] }`

/** The config of a draft, with comments. @param schema Path of the JSON Schema, for editors. */
export function documentOf({ sources, target, archive, noArchive }: Draft, schema: string): string {
  const targets = [...new Set([target, ...(archive ? [archive] : [])])]
  const document = new Document({
    sources: Object.fromEntries(sources.map((source) => [source.name, sourceOf(source, target)])),
    targets: Object.fromEntries(targets.map((one) => [one.name, targetOf(one)])),
    ...(archive && { archive: { target: archive.name, compression: 'zstd' } }),
    ...(archive && { verify: { budget: '30m', bytes: '50G', every: '1d' } }),
  })
  const root = document.contents as unknown as YAMLMap<Node, YAMLMap<Node, Node>>
  document.commentBefore = commented(`yaml-language-server: $schema=${schema}`)
  document.comment = commented(
    noArchive === null
      ? tail
      : `Weekday archives are off: ${noArchive}. This turns them on:\narchive: { target: ${target.name} }\n\n${tail}`,
  )
  for (const section of root.items) {
    section.key.spaceBefore = section !== root.items[0]
    if (isMap<Node, Node>(section.value)) for (const pair of section.value.items) inOneLine(pair)
  }
  if (root.items[0]) root.items[0].key.commentBefore = commented(head)
  remark(root.items[0], sources.map(remarkOnSource))
  remark(root.items[1], targets.map(remarkOnTarget))
  const week = root.items[2]
  if (week) {
    if (week.value) week.value.flow = true
    week.key.commentBefore = commented(
      'An archive of each mirror for each day of the week, Monday to Sunday.',
    )
  }
  const proof = root.items[3]
  if (proof) {
    if (proof.value) proof.value.flow = true
    proof.key.commentBefore = commented(
      'After a run, backups are read again, a part each day, and proven to be what was written.',
    )
  }
  return document.toString({ lineWidth: 110, flowCollectionPadding: true, indentSeq: true })
}

function sourceOf({ lv, at, exclude }: ProposedSource, target: Candidate) {
  return { ...(lv ? { lv } : { path: at }), target: target.name, ...(exclude.length > 0 && { exclude }) }
}

function targetOf({ at, device, type }: Candidate) {
  return { path: at, ...(device && { mounts: [{ device, at, type }] }) }
}

function remarkOnSource({ lv, at, type, usedBytes, snapshotBytes, warning }: ProposedSource): string {
  const used = usedBytes === null ? '' : `, ${formatBytes(usedBytes)} in use`
  const how = lv
    ? snapshotBytes === null
      ? ', by a thin snapshot'
      : `, by a snapshot of ${formatBytes(snapshotBytes)} at first`
    : ', copied as it is'
  return `${at}: ${type}${used}${warning ? `\n${warning}` : how}`
}

function remarkOnTarget({ path, type, device, sizeBytes, freeBytes }: Candidate): string {
  const room = freeBytes ?? sizeBytes
  const size = room === null ? '' : `, ${formatBytes(room)}${freeBytes === null ? '' : ' free'}`
  const mounted = device ? '; mounted for a run, and unmounted again, if it is not' : ''
  return `${path}: ${type}${size}${mounted}`
}

/** A source or a target reads best as one line, or as few. */
function inOneLine({ value }: Pair<Node, Node | null>): void {
  if (!isMap<Node, Node>(value)) return
  if (JSON.stringify(value).length < 90) value.flow = true
  for (const { value: part } of value.items) {
    if (!isSeq<Node>(part)) continue
    const [first] = part.items
    if (isMap(first)) first.flow = true
    else if (JSON.stringify(part).length < 90) part.flow = true
  }
}

function remark(section: Pair<Node, YAMLMap<Node, Node>> | undefined, remarks: readonly string[]): void {
  for (const [index, pair] of (section?.value?.items ?? []).entries()) {
    pair.key.commentBefore = commented(remarks[index] ?? '')
  }
}

/** Each line with a space before it, behind its `#`. */
function commented(text: string): string {
  return text.replace(/^/gm, ' ')
}
