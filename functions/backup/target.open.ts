import {
  backupFinish,
  machineRecord,
  runWarned,
  sourceFailed,
  sourceNext,
  sourceWarned,
  targetOpen,
} from '../../events/index.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { notApart, openAll, targetsOf } from '../../runtime/backup/targets.ts'
import { TerminalError } from '../../runtime/errors.ts'

/**
 * Mounts and proves the targets of a run, claims there what its sources are about to write, and removes archives that a
 * crash left half written. A source whose target cannot be used, or holds the mirror of another host in its place, fails;
 * the others go on, those of one target in as many lanes as it permits (one after the other unless the config says
 * more), those of different targets side by side. Interrupted, it is given up: all sources have failed, and
 * `target.close` unmounts what it mounted.
 */
export default defineFunction({
  on: targetOpen,
  emits: [sourceNext, sourceFailed, sourceWarned, backupFinish, machineRecord, runWarned],
  timeout: '10m',

  async run({ data }, context) {
    const { config, emit } = context
    const sources = data.sources.map((name) => {
      const source = config.sources[name]
      if (!source) throw new TerminalError(`source ${name} is not in the config any more`)
      return source
    })
    const found = await openAll(sources, context, (reason) => emit(runWarned, { reason }))
    const usable = new Map<string, string[]>()
    for (const source of sources) {
      const said = { source: source.name, step: targetOpen.type }
      const on = targetsOf(source, config).flatMap((name) => found.get(name) ?? [])
      // All that is wrong, so that it takes one night to learn of it.
      const told = on.flatMap(({ problems }) => problems.get(source.name) ?? [])
      const problems = told.length > 0 ? told : notApart(source, context)
      if (problems.length > 0) emit(sourceFailed, { ...said, reason: problems.join('; ') })
      else {
        const warnings = on.flatMap((one) => [...one.doors, one.warnings.get(source.name) ?? []].flat())
        for (const reason of new Set(warnings)) emit(sourceWarned, { ...said, reason })
        usable.set(source.target, [...(usable.get(source.target) ?? []), source.name])
      }
    }
    for (const [target, names] of usable) {
      for (const rest of lanes(names, config.targets[target]?.parallel ?? 1)) emit(sourceNext, { rest })
    }
    if (usable.size > 0) emit(machineRecord, { targets: [...usable.keys()] })
    else emit(backupFinish, {})
  },

  giveUp({ data, error }, { emit }) {
    failSources(targetOpen, data.sources, error, emit)
    emit(backupFinish, {})
  },
})

/** Deals sources out in turn, each lane in their order; there is no empty one. */
function lanes(names: readonly string[], most: number): string[][] {
  const dealt = Array.from({ length: Math.min(most, names.length) }, (): string[] => [])
  for (const [index, name] of names.entries()) dealt[index % dealt.length]?.push(name)
  return dealt
}
