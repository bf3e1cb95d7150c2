import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import { loadFunctions, ownFunctions } from '../../engine/engine.ts'
import type { Box } from './box.ts'
import { error, type Finding, ok, refused, warning } from './finding.ts'

/** Whether the programs that are told of a run can be run: nobody would hear of it that they cannot. */
export function checkHooks({ config: { notify }, root }: Pick<Box, 'config' | 'root'>): Finding[] {
  return notify.flatMap((hook, index) => {
    if (hook.kind !== 'exec') return []
    const about = `notify[${index}]`
    const program = hook.argv[0]
    const stats = statSync(program, { throwIfNoEntry: false })
    if (!stats?.isFile()) {
      return error('notify.missing', about, `there is no program ${program}`, 'write it, or correct `exec`')
    }
    try {
      accessSync(program, constants.X_OK)
      if (root && (stats.uid !== 0 || stats.mode & 0o022)) {
        const finding = `${program} is run as root, and can be written by others`
        return warning('notify.writable', about, finding, `chown root ${program} && chmod go-w ${program}`)
      }
      return ok('notify.ok', about, program)
    } catch {
      return error('notify.not-executable', about, `${program} is not executable`, `chmod +x ${program}`)
    }
  })
}

/** Whether the functions load and fit together. */
export async function checkFunctions(config: Config): Promise<Finding[]> {
  try {
    const { functions } = await loadFunctions(config)
    const own = functions.filter(({ file }) => dirname(file) !== ownFunctions).length
    const ofUser = own > 0 ? `, ${own} of them your own` : ''
    return [ok('functions.ok', 'functions', `${functions.length} are loaded${ofUser}`)]
  } catch (thrown) {
    return [refused('functions.broken', 'functions', thrown)]
  }
}
