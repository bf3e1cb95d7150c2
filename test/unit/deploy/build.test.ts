import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, manifest } from '../../../deploy/build/bundle.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
// As npm installs it: where Node strips no types.
const app = join(folder, 'node_modules/hdsync')
beforeAll(() => bundle(app))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const env = { ...process.env, HDSYNC_NODE: process.execPath, NODE_COMPILE_CACHE: join(folder, 'cache') }
function hdsync(...words: string[]) {
  return spawnSync(join(app, 'bin/hdsync'), words, { env, encoding: 'utf8' })
}

/** A server with one folder to back up, and a function of the user's own. */
function server(): { config: string; told: string } {
  const home = temporaryFolder()
  for (const name of ['source', 'target', 'functions']) mkdirSync(join(home, name))
  writeFileSync(join(home, 'source/file'), 'content')
  const told = join(home, 'told')
  writeFileSync(
    join(home, 'functions/tell.ts'),
    `import { defineFunction, runSucceeded } from 'hdsync'
     const on: typeof runSucceeded = runSucceeded
     export default defineFunction({
       on, emits: [], aside: true,
       async run({ data }, { host }) { await host.program({ argv: ['touch', '${told}'], timeoutMs: 5000 }) },
     })`,
  )
  const config = join(home, 'hdsync.yaml')
  writeFileSync(
    config,
    `sources: { a: { path: ${join(home, 'source')}, target: t } }
targets: { t: { path: ${join(home, 'target')} } }
functions: ${join(home, 'functions')}
state: ${join(home, 'state')}
`,
  )
  return { config, told }
}

describe('the build', () => {
  test('says its version, and loads next to nothing for that', () => {
    expect(hdsync('--version').stdout).toBe(`${manifest.version}\n`)
    const script = `
      require('node:module').registerHooks({ load(url, context, next) { console.error(url); return next(url, context) } })
      process.argv.push('--version')
      import('${app}/runtime/cli/main.js')`
    const { stderr } = spawnSync(process.execPath, ['-e', script, app], { encoding: 'utf8' })
    const loaded = stderr.split('\n').filter((line) => line.startsWith('file:'))
    expect(loaded).toContain(`file://${app}/runtime/cli/main.js`)
    const bytes = loaded.reduce((sum, url) => sum + statSync(fileURLToPath(url)).size, 0)
    expect(bytes).toBeLessThan(8192)
  })

  test('makes a backup, with functions that it finds, and with one of the user in TypeScript', () => {
    const { config, told } = server()
    expect(hdsync('target', 'adopt', 't', '-c', config).status).toBe(0)
    const { status, stdout, stderr } = hdsync('run', '--json', '-c', config)
    expect(stderr).toContain('succeeded')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'succeeded', sources: [{ filesTransferred: 1 }] })
    expect(status).toBe(0)
    expect(existsSync(told)).toBe(true)
    const functions = JSON.parse(hdsync('functions', '--json', '-c', config).stdout)
    expect(functions).toContainEqual(expect.objectContaining({ name: 'sync.run', builtIn: true }))
    expect(functions).toContainEqual(expect.objectContaining({ name: 'tell', builtIn: false }))
  })

  test('gives programs that import hdsync the very events that its functions handle', () => {
    const script = `
      import { syncRun } from 'hdsync'
      import handler from '${app}/functions/sync.run.js'
      import 'hdsync/testing'
      console.log(handler.on[0] === syncRun)`
    writeFileSync(join(folder, 'program.mjs'), script)
    expect(execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8' })).toBe('true\n')
  })

  test('names the terms of every package that is in it', () => {
    const text = readFileSync(join(app, 'LICENCES.txt'), 'utf8')
    for (const name of ['zod', 'execa', 'hono', 'commander', 'yaml']) {
      expect(text).toMatch(new RegExp(`^${name} \\d\\S* \\(\\S+\\)$`, 'm'))
    }
  })
})
