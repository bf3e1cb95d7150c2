/**
 * `npm run generate`: writes what is derived from the code and committed in deploy/reference: one source, so that no
 * key, option or default is documented that is not there. A test holds the files up to date.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configJsonSchema } from '../../runtime/config/json-schema.ts'
import { commandsManual } from './generate/commands-manual.ts'
import { configManual } from './generate/config-manual.ts'
import { configSample } from './generate/config-sample.ts'

export const reference = join(import.meta.dirname, '../reference')

/** What makes each file of deploy/reference. */
export const generators: Readonly<Record<string, () => string | Promise<string>>> = {
  'hdsync.8': commandsManual,
  'hdsync.yaml.5': configManual,
  'hdsync.yaml': configSample,
  'hdsync.schema.json': () => `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`,
}

if (import.meta.main) {
  mkdirSync(reference, { recursive: true })
  for (const [name, make] of Object.entries(generators)) writeFileSync(join(reference, name), await make())
}
