/**
 * `npm run generate`: writes what is derived from the code and lies in the repository: one source, so that no key,
 * option or default is documented that is not there. A test holds the files to the code.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { configJsonSchema } from '../../runtime/config/json-schema.ts'
import { commandsManual } from './generate/commands-manual.ts'
import { configManual } from './generate/config-manual.ts'
import { configSample } from './generate/config-sample.ts'
import { dashboard } from './generate/dashboard.ts'
import { openapi } from './generate/openapi.ts'
import { picture } from './generate/picture.ts'
import { rules } from './generate/rules.ts'

/** A file that is generated. */
interface Generated {
  /** From the root of the repository. */
  file: string
  /** Text, or a value that the file holds in the form that its ending names. */
  content: () => unknown
}

const root = join(import.meta.dirname, '../..')

/** Manual pages, the sample config and its JSON Schema. */
export const reference = join(root, 'deploy/reference')

/** Of this hdsync, as package.json has it. */
export const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version

export const generated: readonly Generated[] = [
  { file: 'deploy/reference/hdsync.8', content: commandsManual },
  { file: 'deploy/reference/hdsync.yaml.5', content: configManual },
  { file: 'deploy/reference/hdsync.yaml', content: configSample },
  { file: 'deploy/reference/hdsync.schema.json', content: configJsonSchema },
  { file: 'deploy/openapi.json', content: () => openapi(version) },
  { file: 'deploy/grafana/hdsync.json', content: dashboard },
  { file: 'deploy/prometheus/hdsync.rules.yml', content: rules },
  { file: 'deploy/docs/night.svg', content: picture },
]

/** What a generated file has to hold. */
export async function textOf({ file, content }: Generated): Promise<string> {
  const value = await content()
  if (typeof value === 'string') return value
  return file.endsWith('.json') ? `${JSON.stringify(value, null, 2)}\n` : stringify(value)
}

if (import.meta.main) {
  for (const one of generated) {
    const path = join(root, one.file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, await textOf(one))
  }
}
