/** `POST /events` as the daemon has it, over an engine that lets no run begin. Argument: a folder. Says its port. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEngine } from '../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { createHandler } from '../../../runtime/http/handler.ts'
import { listen } from '../../../runtime/http/listener.ts'
import { readSecrets } from '../../../runtime/http/secrets.ts'
import { token } from './load.ts'

const folder = process.argv[2] ?? ''
mkdirSync(folder)
writeFileSync(join(folder, 'token'), token, { mode: 0o600 })
const file = join(folder, 'hdsync.yaml')
writeFileSync(
  file,
  `sources: { usr: { path: /usr, target: disk } }
targets: { disk: { path: /mnt/disk } }
state: ${folder}/state
functions: ${folder}/none
http: { tokenFile: ${folder}/token, rateLimit: 1000000/s }
`,
  { mode: 0o600 },
)
const config = await loadConfig({ path: file, env: {} })
const engine = await openEngine({ config })
if (!engine) throw new Error('the state directory is locked')
const handle = createHandler({ engine, config, version: 'bench', secrets: await readSecrets(config) })
process.on('SIGINT', () => process.exit())
const { address } = await listen({
  address: { host: '127.0.0.1', port: 0 },
  handle,
})
console.log(address.split(':')[1])
