import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { backupStart, type RunResult } from '../../../../events/index.ts'
import { openEngine } from '../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { writeMarker } from '../../../../runtime/host/target/marker.ts'
import { createApp } from '../../../../runtime/http/app.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { structured } from '../http/service.ts'

test('a source or a target may be named as what every object has, and is held as any other', async () => {
  const folder = temporaryFolder()
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf']
  for (const name of [...names, 'disk', 'functions']) mkdirSync(join(folder, name), { mode: 0o700 })
  for (const name of names) for (let n = 0; n < 20; n++) writeFileSync(join(folder, name, `file${n}`), name)
  await writeMarker(join(folder, 'disk'), 'isPrototypeOf', 0)
  const file = join(folder, 'hdsync.yaml')
  const sources = names.map((name) => `  ${name}: { path: ${folder}/${name}, target: isPrototypeOf }\n`)
  writeFileSync(
    file,
    `sources:\n${sources.join('')}targets:\n  isPrototypeOf: { path: ${folder}/disk }\nstate: ${folder}/state\nfunctions: ${folder}/functions\n`,
    { mode: 0o600 },
  )
  const config = await loadConfig({ path: file, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop())
  await engine.start()
  const states = async () => {
    const run = await engine.trigger(backupStart, {})
    await engine.ended(run)
    const result = engine.journal.run(run)?.end?.data as RunResult | undefined
    return Object.fromEntries((result?.sources ?? []).map(({ source, state }) => [source, state]))
  }
  expect(await states()).toEqual(Object.fromEntries(names.map((name) => [name, 'succeeded'])))
  for (const name of names) for (let n = 1; n < 20; n++) rmSync(join(folder, name, `file${n}`))
  expect(await states()).toEqual(Object.fromEntries(names.map((name) => [name, 'held'])))
  const app = createApp({ engine, config, version: '0', trusted: true })
  for (const name of ['constructor', '__proto__']) {
    const known = structured({ id: name, data: { sources: [name] } })
    expect((await app.request('/events', known)).status).toBe(name === 'constructor' ? 202 : 422)
    const unknown = await app.request(`/webhooks/${name}`, { method: 'POST', body: '{}' })
    expect(unknown.status).toBe(404)
  }
})
