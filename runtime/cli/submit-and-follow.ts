import type { Envelope } from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import { asked, submitTo } from './daemon/client.ts'
import { daemonOf, followRun } from './daemon/remote.ts'
import { workInProcess } from './in-process.ts'
import type { Io } from './io.ts'
import type { View } from './view/lines.ts'

/** An event that begins a run. */
interface Wish {
  type: string
  source: string
  id: string
  data: unknown
}

interface Followed {
  /** What the process ends with. */
  exitCode: number
  /** `run` is empty where nothing was begun. */
  result: { run: string; state: string; error?: string | null | undefined }
}

/**
 * Submits an event, to the daemon or in this process, and follows its run to the end.
 * @param beforeHere Called before it is done in this process; what it throws prevents that.
 */
export async function submitAndFollow(
  wish: Wish,
  config: Config,
  view: View,
  io: Io,
  beforeHere: () => void = () => {},
): Promise<Followed> {
  const daemon = await daemonOf(config)
  if (daemon) return followRun(daemon, (await asked(submitTo(daemon, wish))).run, view)
  beforeHere()
  let followed: Followed | undefined
  const exitCode = await workInProcess(
    config,
    view,
    io,
    async (here) => {
      followed = await here.follow((await here.engine.submit(wish)).runId)
      return followed.exitCode
    },
    { waitsFor: () => true },
  )
  return followed ?? { exitCode, result: { run: '', state: 'cancelled' } }
}

/** A view that also puts events of some kinds into a list, in their order. */
export function collecting(view: View, kinds: readonly { type: string }[], into: Envelope[]): View {
  return {
    ...view,
    onEvent(event) {
      if (kinds.some(({ type }) => type === event.type)) into.push(event)
      view.onEvent?.(event)
    },
  }
}
