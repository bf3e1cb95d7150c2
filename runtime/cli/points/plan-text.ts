import type { RestorePlan } from '../../backup/restore/make-plan.ts'
import type { Stranger } from '../../backup/restore/plan/owner-names.ts'
import { pointTime } from '../../backup/restore/when.ts'
import { counted } from '../../count.ts'
import type { Action } from '../../host/restore/action.ts'
import { formatBytes } from '../../units.ts'
import { nameText } from './names.ts'

const words = { create: 'create ', replace: 'replace', delete: 'delete ', folder: 'folder ' }

/** What a restore will do, for people. @param most Lines of what is done one by one; all unless given. */
export function planText(plan: RestorePlan, most: number | undefined): string {
  const { request, actions, created, replaced, deleted, folders, unchanged, damage } = plan
  const { point, root } = request
  if (actions.length === 0 && damage === undefined)
    return `${root} has all of it already, as it was on ${pointTime(point.at)}\n`
  const shown = actions.filter(({ op }) => op !== 'folder')
  const lines = shown.slice(0, most).map(lineOf)
  const rest = shown.length - lines.length
  return [
    `${point.source} as of ${pointTime(point.at)} (${point.id}) into ${root}:`,
    ...lines,
    ...(rest > 0 ? [`  … and ${counted(rest, 'line')} more: --dry-run shows all`] : []),
    `${entries(created)} created, ${entries(replaced)} replaced, ${entries(deleted)} deleted, ${counted(folders, 'folder')} with other attributes, ${unchanged} unchanged`,
    ...(damage === undefined ? [] : [`NOT ALL OF IT CAN BE READ: ${damage}`]),
    '',
  ].join('\n')
}

/** What is done in a folder, one by one, for people. */
export function actionsText(root: string, actions: readonly Action[]): string {
  const shown = actions.filter(({ op }) => op !== 'folder')
  return [`in ${root}:`, ...shown.map(lineOf), ''].join('\n')
}

function lineOf({ op, path, type }: Action): string {
  return `  ${words[op]}  ${nameText(path)}${type === 'directory' ? '/' : ''}`
}

function entries({ entries, sizeBytes }: RestorePlan['created']): string {
  return sizeBytes > 0 ? `${entries} (${formatBytes(sizeBytes)})` : String(entries)
}

/** Owners whose names are not on this machine, for people; empty where there is none. */
export function strangersText({ strangers }: Pick<RestorePlan, 'strangers'>): string {
  const all = [
    ...(strangers?.users ?? []).map((one) => strangerText('user', one)),
    ...(strangers?.groups ?? []).map((one) => strangerText('group', one)),
  ]
  if (all.length === 0) return ''
  return `hdsync: not on this machine, so that their numbers stay: ${all.join(', ')}\n`
}

function strangerText(kind: string, { id, name, here }: Stranger): string {
  return `${kind} ${name} (${id}${here === undefined ? '' : `, which is ${here} here`})`
}
