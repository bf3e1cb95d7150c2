/**
 * `npm run page:demo`: makes a small server with a month of nights in a throw-away folder, and shows the page of it.
 * `npm run page:demo -- --nights 5 --folder DIR` does it with fewer, and keeps the folder. With `--large` it has 100 sources and
 * 10,000 runs,
 * and the catalogue of its first source says that each archive holds 1,000,000 files; it takes minutes to make. With `--fleet 1000` it
 * is the hub of so many hosts, and nothing else.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeFleetStore } from './fleet-store.ts'
import { makeLarge } from './large-store.ts'
import { makeMonth } from './month.ts'

const { values } = parseArgs({
  options: {
    nights: { type: 'string', default: '30' },
    folder: { type: 'string' },
    large: { type: 'boolean' },
    fleet: { type: 'string' },
  },
})
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'hdsync-page-'))
const config = join(folder, 'hdsync.yaml')
const hdsync = join(import.meta.dirname, '../bin/hdsync')
const env = { ...process.env, HDSYNC_CONFIG: config }

if (!existsSync(config)) {
  const nights = Number(values.nights)
  console.log(`makes ${values.large ? '10,000 runs' : `${nights} nights`} in ${folder} …`)
  if (values.fleet !== undefined) makeFleetStore({ folder, hosts: Number(values.fleet), nights })
  else if (values.large) await makeLarge({ folder, port: 7227 })
  else await makeMonth({ folder, nights })
}
const daemon = spawn(hdsync, ['serve'], { env, stdio: 'inherit' })
process.on('exit', () => {
  daemon.kill()
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
daemon.once('exit', (code) => process.exit(code ?? 1))
while (!existsSync(join(folder, 'state/hdsync.sock'))) await pause(100)
spawnSync(hdsync, ['open'], { env, stdio: 'inherit' })
console.log('Ctrl-C ends it')
