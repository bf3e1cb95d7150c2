import type { Target } from '../../config/config.ts'
import { type Lack, type Probed, probeTarget } from '../../host/target/target-probe.ts'
import type { Box } from './box.ts'
import type { IdOf } from './conditions.ts'
import { error, type Finding, warning } from './finding.ts'

/** Whether a target keeps all that a file has. Archives are plain files, which each disk keeps. */
export async function checkAttributes(target: Target, box: Box): Promise<Finding[]> {
  if (!box.root || !holdsMirrors(target, box.config)) return []
  const probed = await probeTarget(target, box.runner)
  return probed ? probed.lacks.map((lack) => findingOf(lack, target, probed)) : []
}

/** Whether any source is copied there, and not only archived. */
export function holdsMirrors({ name }: Target, { sources }: Pick<Box['config'], 'sources'>): boolean {
  return Object.values(sources).some((source) => source.target === name)
}

/** What a target lacks, for people to read. */
export function lackText({ what, cost }: Lack, { path }: Target, probed: Probed | undefined): string {
  return `${path} (${probed?.type}) does not keep all ${what}: ${cost}`
}

const ids: Partial<Record<Lack['what'], IdOf<'warning'>>> = {
  'access lists': 'target.no-acls',
  attributes: 'target.no-xattrs',
}

function findingOf(lack: Lack, target: Target, probed: Probed): Finding {
  const about = `target ${target.name}`
  const text = lackText(lack, target, probed)
  if (lack.isGrave) return error('target.unsuitable', about, text, probed.remedy)
  return warning(ids[lack.what] ?? 'target.unsuitable', about, text, probed.remedy)
}
