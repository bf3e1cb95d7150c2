import {
  type CommandObserver,
  type CommandRunner,
  createRunner,
} from '../../../../runtime/host/command/command.ts'

export interface Recorded {
  argv: readonly string[]
  end?: Parameters<CommandObserver['ended']>[1]
}

/** A runner of real commands, and what it tells the journal. */
export function recordingRunner(signal = new AbortController().signal): {
  runner: CommandRunner
  recorded: Recorded[]
} {
  const recorded: Recorded[] = []
  const observer: CommandObserver = {
    started: (argv) => recorded.push({ argv }) - 1,
    ended: (id, end) => {
      const record = recorded[id]
      if (record) record.end = end
    },
  }
  return { runner: createRunner({ observer, signal, owner: 'test-store' }), recorded }
}
