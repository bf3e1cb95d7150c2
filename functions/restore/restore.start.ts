import { copyProved, restoreFinish, restorePlace, restoreStart, restoreUnpack } from '../../events/index.ts'
import { provedLookedAt } from '../../runtime/backup/copies/proved.ts'
import { vaultPointToRead } from '../../runtime/backup/copies/vault-point.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { beginRestore, beginUndo } from '../../runtime/backup/restore/perform.ts'
import { beyondLimit, planRequest, proveSame } from '../../runtime/backup/restore/plan-request.ts'
import { pointToRead } from '../../runtime/backup/restore/point-named.ts'
import { pruneRestores, registerFolder } from '../../runtime/backup/restore/register.ts'
import { reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Begins a restore: the plan that was shown is made again, and has to be the same. Then it is written down beside the place
 * that is restored to. Interrupted, it is given up: nothing was touched.
 */
export default defineFunction({
  on: restoreStart,
  emits: [restoreUnpack, restorePlace, restoreFinish],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data: { source, request } }, { config, host, run, clock, events, progress, emit }) {
    const { root } = request
    pruneRestores(config.state, clock.now() - config.restore.keepUndo)
    registerFolder(config.state, root)
    if (request.do === 'resume') {
      emit(restorePlace, { source, root, id: request.id, missing: [] })
      return
    }
    if (request.do === 'undo') {
      const { id } = await beginUndo(request, run.id, clock.now(), host.commands)
      emit(restorePlace, { source, root, id, missing: [] })
      return
    }
    const point =
      (await vaultPointToRead(request.point, source, config, {
        linkTo: ({ vault, name }) => host.copies.vault(vault, name),
        proved: () => events.recent([copyProved], source, provedLookedAt),
        onProgress: progress,
      })) ??
      (await pointToRead(request.point, source, config, (target) => host.targets.mountToRead(target, run.id)))
    const plan = await planRequest(request, point, config, host.commands)
    proveSame(plan, request.hash)
    const beyond = beyondLimit(plan, config, request.allowDeletions)
    if (beyond) throw new TerminalError(beyond)
    const begun = beginRestore(plan, run.id, clock.now())
    emit(restoreUnpack, { source, ...begun, sizeBytes: plan.room.sizeBytes })
  },

  giveUp({ data: { source, request }, error }, { emit }) {
    emit(restoreFinish, { source, root: request.root, id: null, missing: [], error: reasonOf(error) })
  },
})
