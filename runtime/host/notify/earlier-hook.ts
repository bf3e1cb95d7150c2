import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Envelope } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import { argvOf, processesWith, statOf } from '../command/orphans.ts'

const killDelayMs = 5000

/**
 * A hook outlives an hdsync that is killed, and its event is delivered again: it must not run twice at once. So the first
 * one is waited for as long as a hook may take, and then ended. What a hook has left running on purpose is left alone.
 */
export async function awaitEarlierHook(
  { argv, timeoutMs }: Pick<Extract<NotifyHook, { kind: 'exec' }>, 'argv' | 'timeoutMs'>,
  event: Pick<Envelope, 'id'>,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now()
  for (;;) {
    const [owned = []] = processesWith('HDSYNC_EVENT_ID', event.id)
    const pids = owned.filter((pid) => isOrphanedHook(pid, argv))
    if (pids.length === 0) return
    const overMs = performance.now() - startedAt - timeoutMs
    for (const pid of overMs > 0 ? pids : []) endGroup(pid, overMs > killDelayMs ? 'SIGKILL' : 'SIGTERM')
    await sleep(50, undefined, { signal })
  }
}

/** The command itself, in the session that hdsync has given it, and no child of this hdsync. */
function isOrphanedHook(pid: number, [program, ...words]: readonly [string, ...string[]]): boolean {
  const [, parent, , session] = statOf(pid)
  if (Number(session) !== pid || Number(parent) === process.pid) return false
  // The kernel puts a script's interpreter before it, and its path in place of its name.
  const shown = argvOf(pid)
  const tail = shown.slice(shown.length - words.length)
  const name = shown[shown.length - words.length - 1] ?? ''
  return basename(name) === basename(program) && words.every((word, at) => tail[at] === word)
}

function endGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // It has ended in the meantime.
  }
}
