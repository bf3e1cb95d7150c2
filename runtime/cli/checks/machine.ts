import { uncoveredMounts } from '../../backup/rescue/covered.ts'
import { hasSources } from '../../config/config.ts'
import { lookAtDisks } from '../../host/machine/look.ts'
import type { Box } from './box.ts'
import { type Finding, ok, warning } from './finding.ts'

/**
 * Whether every file system of the machine is in a source. Where only folders of one are, somebody chose that; so they did where
 * a vault has no sources at all.
 */
export async function checkMachine({ config, runner }: Box): Promise<Finding[]> {
  if (config.vault && !hasSources(config)) return []
  const uncovered = uncoveredMounts(await lookAtDisks(runner), config)
  return uncovered.map(({ at, type, only }) =>
    only.length > 0
      ? ok('machine.uncovered', 'machine', `of ${at} (${type}), only ${only.join(', ')} is backed up`)
      : warning(
          'machine.uncovered',
          'machine',
          `${at} (${type}) is in no source: nothing of it comes back`,
          `add a source for it, such as \`{ path: ${at}, target: … }\``,
        ),
  )
}
