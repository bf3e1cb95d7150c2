import { catalogue } from '../../../events/index.ts'
import { disabledIn } from '../../backup/load-functions.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { functionFiles, functionName } from '../../core/guests/load-files.ts'
import { localTime } from '../format.ts'
import { readJournal } from '../store.ts'
import type { Candidate } from './words.ts'

/** Newest runs that are offered. */
const runs = 20

type Values = (config: () => Promise<Config>) => Candidate[] | Promise<Candidate[]>

const plain = (values: Iterable<string>): Candidate[] =>
  [...values].map((value) => ({ value, description: '' }))

const sources: Values = async (config) =>
  Object.values((await config()).sources).map((source) => ({
    value: source.name,
    description: source.kind === 'lv' ? `${source.vg}/${source.lv}` : source.path,
  }))

const runIds: Values = async (config) => {
  const found = readJournal(await config(), (journal) => journal.runs(runs)) ?? []
  const ids = found.map(({ id, startedAt, end }) => {
    return {
      value: id,
      description: `${localTime(startedAt)} ${end?.type.replace('run.', '') ?? 'not ended'}`,
    }
  })
  return [{ value: 'last', description: 'the newest run' }, ...ids]
}

const deadIds: Values = async (config) =>
  (readJournal(await config(), (journal) => journal.dead()) ?? []).map(({ id, function: name, event }) => {
    return { value: String(id), description: [name, event.subject].filter(Boolean).join(' ') }
  })

const ownFunctions: Values = async (config) =>
  plain(functionFiles((await config()).functions).map(functionName))

/** What an argument or the value of an option may be, by its name. Those that are left out may be anything. */
const known: Readonly<Record<string, Values>> = {
  'run.source': sources,
  'plan.source': sources,
  'why.source': sources,
  'release.id': async (config) => [...(await sources(config)), ...(await runIds(config))],
  'show.run': runIds,
  'cancel.run': runIds,
  'redrive.id': deadIds,
  'emit.type': () =>
    plain([...catalogue.values()].filter((event) => event.triggerable).map(({ type }) => type)),
  'disable.name': ownFunctions,
  'enable.name': async (config) => plain(disabledIn((await config()).state)),
  'adopt.target': async (config) => plain(Object.keys((await config()).targets)),
  'copy.name': async (config) => plain(Object.keys((await config()).copies ?? {})),
  '--run': runIds,
  '--source': sources,
  '--held': sources,
  '--on': () => plain(catalogue.keys()),
  '--type': () => plain(catalogue.keys()),
}

/** Values that are files. */
export const fileValues: ReadonlySet<string> = new Set([
  '--config',
  '--identity',
  '--key-file',
  '--known-hosts',
])

/** What may stand in a place of the command line. Whoever presses the tab key is told of no error: nothing, then. */
export async function valuesOf(
  name: string,
  path: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Candidate[]> {
  try {
    return (await known[name]?.(() => loadConfig({ path, env }))) ?? []
  } catch {
    return []
  }
}
