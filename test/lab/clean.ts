/** `npm run clean`: removes what builds and tests keep: dist/ of the checkout, and the cache of the lab in /tmp. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheRoot } from './cache.ts'
import { sweep } from './scratch.ts'

for (const folder of [cacheRoot(), join(import.meta.dirname, '../../dist')]) {
  rmSync(folder, { recursive: true, force: true })
  console.log(`removed ${folder}`)
}
sweep()
