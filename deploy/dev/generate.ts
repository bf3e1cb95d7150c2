/** Writes what follows from the code and lies in the repository: `npm run generate`. A test holds the two together. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { configJsonSchema } from '../../runtime/config/json-schema.ts'
import { dashboard } from './generate/dashboard.ts'
import { openapi } from './generate/openapi.ts'
import { rules } from './generate/rules.ts'

/** A file that is generated. */
interface Generated {
  /** From the root of the repository; its ending says in which form. */
  file: string
  content: () => unknown
}

const root = join(import.meta.dirname, '../..')

/** Of this hdsync, as package.json has it. */
export const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version

export const generated: readonly Generated[] = [
  { file: 'deploy/hdsync.schema.json', content: configJsonSchema },
  { file: 'deploy/openapi.json', content: () => openapi(version) },
  { file: 'deploy/grafana/hdsync.json', content: dashboard },
  { file: 'deploy/prometheus/hdsync.rules.yml', content: rules },
]

if (import.meta.main) {
  for (const { file, content } of generated) {
    const path = join(root, file)
    const value = await content()
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, file.endsWith('.json') ? `${JSON.stringify(value, null, 2)}\n` : stringify(value))
  }
}
