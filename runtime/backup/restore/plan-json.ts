import { jsonName } from '../../host/points/json-name.ts'
import type { RestorePlan } from './make-plan.ts'

/** What a restore will do, as `--json` prints it and HTTP answers it. */
export function planJson(plan: RestorePlan): Record<string, unknown> {
  const { request, actions, created, replaced, deleted, folders, unchanged, damage, strangers, hash } = plan
  return {
    hash,
    point: request.point,
    root: request.root,
    created,
    replaced,
    deleted,
    folders,
    unchanged,
    damage: damage ?? null,
    owners: request.owners,
    namesNotHere: strangers ?? null,
    actions: actions.map(({ op, path, type }) => ({ op, ...jsonName('path', path), type })),
  }
}
