import { archiveHistory } from '../../backup/keep/keeping.ts'
import { archiveRecord } from '../../backup/keep/points.ts'
import { archivesNow, targetNow, uncataloguedNow } from '../../backup/status/archives-now.ts'
import type { Source } from '../../config/config.ts'
import { rebuildCommand, staleText } from '../points/stale-text.ts'
import type { Box } from './box.ts'
import { type Finding, warning } from './finding.ts'
import type { History } from './room.ts'

/** Whether the catalogue of a source knows all of its archives. */
export async function checkCatalogue(
  { name, archive }: Source,
  { config }: Box,
  history: History,
): Promise<Finding[]> {
  const target = config.archive && config.targets[config.archive.target]
  if (!archive || !target || !history) return []
  const to = targetNow(target)
  const record = archiveRecord(archiveHistory(history, name))
  const unknown = await uncataloguedNow(name, to, await archivesNow(name, to, record), config.state)
  if (unknown.length === 0) return []
  return [warning('catalogue.stale', `source ${name}`, staleText(name, unknown), rebuildCommand(name))]
}
