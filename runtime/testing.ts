/** What the test of a function of one's own imports: `import { rehearse } from 'hdsync/testing'`. */
import type { EventDefinition, InputOf } from '../events/index.ts'
import { envelopeFor, type Rehearsal, rehearse as rehearseFunction } from './backup/rehearsal.ts'
import { parseConfig } from './config/config.ts'
import type { FunctionDefinition } from './core/function.ts'
import { register } from './core/registry/registry.ts'

export type { Rehearsal } from './backup/rehearsal.ts'

export interface RehearseOptions {
  /** The trial that the event belongs to; 1 unless given. */
  attempt?: number
  /** A config as in hdsync.yaml; one with the sources `var` (a volume) and `home` (a folder) unless given. */
  config?: string
  /**
   * What a program prints, or a session answers to what was said last; an empty line unless given. Where it throws,
   * the program fails.
   */
  answer?: (command: readonly string[], said: string) => string
}

const sample = `
sources:
  var: { lv: vg01/lv_var, target: disk }
  home: { path: /home, target: disk }
targets: { disk: { path: /mnt/disk } }
`

/**
 * Runs a function with an event, and tells what it did. Nothing is executed, and nothing is put on a bus.
 * @example
 * const { story, outcome } = await rehearse(lockDatabase, snapshotBefore, { source: 'var' })
 */
export function rehearse<E extends EventDefinition>(
  definition: FunctionDefinition,
  event: E,
  data: InputOf<E>,
  { attempt = 1, config = sample, answer = () => '' }: RehearseOptions = {},
): Promise<Rehearsal> {
  return rehearseFunction(register('function', definition), envelopeFor(event, data, attempt), {
    config: parseConfig(config, 'hdsync.yaml'),
    runtimeDirectory: '/run/hdsync/STORE',
    adapt: (host) => ({
      ...host,
      async program(command) {
        const result = await host.program(command)
        return { ...result, stdout: answer(command.argv, command.input ?? '') }
      },
      session(command) {
        const session = host.session(command)
        let last = ''
        return {
          ...session,
          say(line) {
            last = line
            session.say(line)
          },
          hear: async () => answer(command.argv, last),
        }
      },
    }),
  })
}
