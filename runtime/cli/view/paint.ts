import * as colours from 'yoctocolors'
import type { SourceState } from '../../../events/index.ts'

const byState: Readonly<Record<SourceState, (text: string) => string>> = {
  waiting: colours.dim,
  running: colours.cyan,
  succeeded: colours.green,
  degraded: colours.yellow,
  held: colours.yellow,
  failed: colours.red,
  cancelled: colours.yellow,
}

/** The state of a source or a run, in its colour. */
export function paintState(state: SourceState, colour: boolean): string {
  return colour ? byState[state](state) : state
}
