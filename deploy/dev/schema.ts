/** Writes deploy/hdsync.schema.json anew, after a change of the config. A test holds the two together. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configJsonSchema } from '../../runtime/config/json-schema.ts'

writeFileSync(join(import.meta.dirname, '../hdsync.schema.json'), `${JSON.stringify(configJsonSchema())}\n`)
