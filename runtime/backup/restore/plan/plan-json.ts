import { jsonName } from '../../../host/points/json-name.ts'
import type { Action } from '../../../host/restore/action.ts'
import type { RestorePlan } from '../make-plan.ts'

/** What a restore will do, as `--json` prints it and HTTP answers it. */
export function planJson(plan: RestorePlan): Record<string, unknown> {
  const { root } = plan.request
  const { request, actions, created, replaced, deleted, folders, unchanged, damage, strangers, hash } = plan
  return {
    hash,
    point: request.point,
    created,
    replaced,
    deleted,
    folders,
    unchanged,
    damage: damage ?? null,
    owners: request.owners,
    namesNotHere: strangers ?? null,
    ...actionsJson(root, actions),
  }
}

/** What is done in a folder, one by one. */
export function actionsJson(root: string, actions: readonly Action[]): Record<string, unknown> {
  return { root, actions: actions.map(({ op, path, type }) => ({ op, ...jsonName('path', path), type })) }
}
