import { TerminalError } from '../../errors.ts'
import { partName, tidyParts } from '../../host/copies/parts.ts'
import { copyPath, linkCopy } from '../../host/copies/send-archive.ts'
import { isoOf } from '../../instant.ts'
import { dateOf } from '../../weekday.ts'
import { archivesTarget } from '../configured.ts'
import type { Context } from '../function.ts'
import { eventsLookedAt } from '../keep/keeping.ts'
import { archiveRecord, tellsOfArchives } from '../keep/points.ts'
import { decidePruning } from '../keep/pruning.ts'
import { copiesThere } from './look.ts'
import type { DiskPlace } from './places.ts'
import { tidyUnencrypted } from './sealing.ts'
import type { Missing, Ways } from './ways.ts'

/** A disk of this machine: copies stand in its folder `kept`. */
export function waysToDisk(
  { target, sources, rules }: DiskPlace,
  { config, host, run, clock, events }: Context,
): Ways {
  const standing = host.archives.standing
  return {
    isReadAgain: true,
    absence: () => host.copies.absence(target),
    async open() {
      const doors = await host.targets.open(target, run.id)
      const { refused } = host.targets.claim(target, sources)
      for (const reason of refused.values()) throw new TerminalError(reason)
      return doors
    },
    renew: async () => false,
    has: (source) => copiesThere(target, source, standing),
    missing({ path, file, at, sizeBytes, sha256 }, source, there) {
      const to = copyPath(target, dateOf(at), path)
      const stands = there.some(
        (one) => one.path === to && one.state === 'unknown' && one.sizeBytes === sizeBytes,
      )
      return { source, path, file, at: isoOf(at), sizeBytes, sha256, to, as: stands ? 'stands' : 'sent' }
    },
    async tidy(missing) {
      tidyUnencrypted({ config })
      await tidyParts(target, new Set(missing.map(({ to, sha256 }) => partName(to, sha256))))
    },
    async send(sending, onProgress) {
      await host.targets.prove(target)
      if (await linkFromThere(sending)) return { as: 'linked', read: null, bytes: 0 }
      const { to: copy, ...archive } = sending
      const from = archivesTarget(config)
      const read = await host.copies.send({ ...archive, from, to: target, copy }, onProgress)
      return { as: 'sent', read, bytes: sending.sizeBytes }
    },
    async prove({ source, to: copy, sizeBytes, sha256, as }, onProgress) {
      await host.targets.prove(target)
      const proving = { to: target, source, copy, sizeBytes, sha256, as }
      return await host.copies.prove(proving, clock.now(), onProgress)
    },
    async prune({ source, facts }) {
      // Good ones are counted, and nothing goes while something unusual is open.
      const { nights } = archiveRecord(events.recent(tellsOfArchives, source, eventsLookedAt))
      const { go } = rules && !facts.isUnusual ? decidePruning(facts.there, { nights }, rules) : { go: [] }
      return await host.archives.remove(target, go)
    },
  }

  /**
   * Gives the disk a second name of a copy that it has, where an archive is of the same bytes.
   * @returns Whether that could be done.
   */
  async function linkFromThere({ source, to, sha256 }: Pick<Missing, 'source' | 'to' | 'sha256'>) {
    const there = await copiesThere(target, source, standing)
    const same = there.find((one) => one.state === 'good' && one.sha256 === sha256)
    return same !== undefined && (await linkCopy(target, same.path, to, sha256))
  }
}
