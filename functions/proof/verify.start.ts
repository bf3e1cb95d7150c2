import { runWarned, verifyFinish, verifyNext, verifyStart } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { archivesOf } from '../../runtime/backup/proof/gather.ts'
import { endedBy, reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Begins to read backups again: mounts the disks that they are on. A source whose disks are not there is passed over, with a
 * warning. Interrupted, it is given up.
 */
export default defineFunction({
  on: verifyStart,
  emits: [verifyNext, verifyFinish, runWarned],
  timeout: '10m',
  retry: { limit: 1 },

  async run({ data }, { config, host, run, clock, emit }) {
    const known = Object.keys(config.sources)
    const unknown = data.sources?.filter((name) => !known.includes(name)) ?? []
    if (unknown.length > 0) throw new TerminalError(`there is no source ${unknown.join(', ')}`)
    const absent = new Set<string>()
    const sources: string[] = []
    for (const name of data.sources ?? known) {
      const source = config.sources[name]
      const to = archivesOf(config, name)
      const from = config.targets[source?.target ?? '']
      if (!from) continue
      try {
        for (const target of new Set([from, ...(to ? [to] : [])])) {
          if (absent.has(target.name)) throw new TerminalError(`target ${target.name} is not there`)
          await host.targets.open(target, run.id).catch((error) => {
            absent.add(target.name)
            throw error
          })
        }
        sources.push(name)
      } catch (error) {
        emit(runWarned, { reason: `the backups of ${name} are not read: ${reasonOf(error)}` })
      }
    }
    if (sources.length === 0) throw new TerminalError('there is nothing that can be read')
    const { budgetMs = config.verify?.budget, bytes = config.verify?.bytes } = data
    emit(verifyNext, {
      sources,
      all: data.all,
      until: data.all || budgetMs === undefined ? null : clock.now() + budgetMs,
      bytesLeft: data.all || bytes === undefined ? null : bytes,
    })
  },

  giveUp({ error }, { emit }) {
    emit(verifyFinish, endedBy(error))
  },
})
