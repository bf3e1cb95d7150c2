import { type LoadedRegistry, loadFunctions } from '../../backup/load-functions.ts'
import type { Config } from '../../config/config.ts'
import { failureText } from '../../core/guests/failure-text.ts'
import { error, type Finding, ok, refused, warning } from './finding.ts'

/** Whether the functions load and fit together, and whether those at a gate can be called. */
export async function checkFunctions(config: Config): Promise<Finding[]> {
  try {
    const registry = await loadFunctions(config)
    registry.close()
    return [...checkLoaded(registry), ...checkDisabled(registry), ...checkGates(registry, config)]
  } catch (thrown) {
    return [refused('functions.broken', 'functions', thrown)]
  }
}

function checkLoaded({ functions, failures, disabled }: LoadedRegistry): Finding[] {
  const broken = failures.filter(({ name }) => !disabled.has(name))
  const remedy =
    '`hdsync functions` shows all; until it loads, runs are degraded, or go by `onTimeout` of a gate'
  if (broken.length > 0) {
    return broken.map((one) => error('functions.broken', 'functions', failureText(one), remedy))
  }
  const own = functions.filter(({ guest, isAbsent }) => guest && !isAbsent).length
  const ofUser = own > 0 ? `, ${own} of them your own` : ''
  const count = functions.filter(({ isAbsent }) => !isAbsent).length
  return [ok('functions.ok', 'functions', `${count} are loaded${ofUser}`)]
}

/** One that a source waits for is missed sooner than others. */
function checkDisabled({ functions, failures, disabled }: LoadedRegistry): Finding[] {
  return disabled.names().flatMap((name) => {
    const found = functions.find((one) => one.name === name)
    if (!found && !failures.some((one) => one.name === name)) return []
    const gate = !found?.isAbsent && found?.definition.on.find((event) => event.gate)
    if (!gate) return [ok('functions.off', 'functions', `${name} is disabled`)]
    const finding = `${name}, a function at the gate ${gate.type}, is disabled: backups are made without it`
    return [warning('functions.uncalled', 'functions', finding, `hdsync functions enable ${name}`)]
  })
}

const kinds = { lv: 'a volume', path: 'a directory' } as const
/** Which kind of source opens a gate. */
const opens: Readonly<Record<string, keyof typeof kinds>> = {
  'snapshot.before': 'lv',
  'snapshot.after': 'lv',
  'source.before': 'path',
  'source.after': 'path',
}

function checkGates({ functions, disabled }: LoadedRegistry, { sources }: Config): Finding[] {
  const configured = new Set(Object.values(sources).map(({ kind }) => kind))
  return functions
    .filter(({ guest, isAbsent, name }) => guest && !isAbsent && !disabled.has(name))
    .flatMap(({ name, definition: { on, spec } }) => {
      const needed = on.map(({ type }) => opens[type])
      if (spec.schedule !== undefined || needed.some((kind) => !kind || configured.has(kind))) return []
      const [kind = 'lv'] = needed
      const types = on.map(({ type }) => type).join(' and ')
      const finding = `${name} is never called: it handles ${types}, and no source is ${kinds[kind]}`
      const remedy = `let it handle ${kind === 'lv' ? 'source' : 'snapshot'}.before and .after, or disable it: hdsync functions disable ${name}`
      return warning('functions.uncalled', 'functions', finding, remedy)
    })
}
