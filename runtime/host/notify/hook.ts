import type { Envelope } from '../../../events/index.ts'
import type { Command } from '../command/command.ts'

/** The command of an exec hook. Its variables are for shell scripts; everything is in the JSON. */
export function hookCommand(argv: Command['argv'], timeoutMs: number, event: Envelope): Command {
  return {
    argv,
    timeoutMs,
    input: `${JSON.stringify(event)}\n`,
    env: {
      // What a hook leaves running on purpose is not ours to end.
      HDSYNC_OWNER: '',
      HDSYNC_EVENT: event.type,
      HDSYNC_EVENT_ID: event.id,
      HDSYNC_RUN: event.runid ?? '',
      HDSYNC_SOURCE: event.subject ?? '',
      HDSYNC_STATE: event.type.startsWith('run.') ? event.type.slice('run.'.length) : '',
      HDSYNC_TIME: event.time,
    },
  }
}
