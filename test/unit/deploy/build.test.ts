import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, manifest, root } from '../../../deploy/build/bundle.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'hdsync-test-'))
// As npm installs it: where Node strips no types.
const installed = join(folder, 'node_modules/hdsync')
const app = join(installed, 'dist/app')
beforeAll(async () => {
  await bundle(app)
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const env = { ...process.env, HDSYNC_NODE: process.execPath, NODE_COMPILE_CACHE: join(folder, 'cache') }
function hdsync(...words: string[]) {
  return spawnSync(join(app, 'bin/hdsync'), words, { env, encoding: 'utf8' })
}

/** A server with one folder to back up, and a function of the user's own. */
function server(home = temporaryFolder()): { config: string; told: string } {
  for (const name of ['source', 'target', 'functions']) mkdirSync(join(home, name))
  writeFileSync(join(home, 'source/file'), 'content')
  const told = join(home, 'told')
  writeFileSync(
    join(home, 'functions/tell.ts'),
    `import { defineFunction, runSucceeded } from 'hdsync'
     const on: typeof runSucceeded = runSucceeded
     export default defineFunction({
       on, emits: [], aside: true,
       async run({ data }, { host }) { await host.program({ argv: ['touch', '${told}'], timeoutMs: 60_000 }) },
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

/** A function that compiles only where `type` tells its events apart. */
const narrowed = `
  import { defineFunction, runFailed, sourceFailed } from 'hdsync'
  export default defineFunction({
    on: [runFailed, sourceFailed], emits: [],
    run(event, { log }) {
      if (event.type === 'source.failed') log.warn(event.data.step)
      else log.warn(event.data.sources.map(({ source }) => source).join())
    },
  })`

/** A function that compiles only where nothing of what it uses is `any`. */
const known = `
  import { type Config, defineFunction, type Host, runSucceeded, runWarned, z } from 'hdsync'
  import type { Rehearsal } from 'hdsync/testing'
  type Known<T> = 0 extends 1 & T ? never : true
  const shape = z.object({ size: z.int() })
  export const types: [
    Known<Config['sources']>, Known<Host['program']>, Known<Rehearsal['outcome']>, Known<z.infer<typeof shape>['size']>,
  ] = [true, true, true, true]
  export default defineFunction({
    on: runSucceeded, emits: [runWarned], aside: true,
    async run({ data }, { emit, host, log, signal }) {
      const types: [Known<typeof data.run>, Known<typeof host.program>, Known<typeof log>, Known<typeof signal>] =
        [true, true, true, true]
      emit(runWarned, { reason: String(types) })
    },
  })`

describe('the build', () => {
  test('says its version', () => {
    expect(hdsync('--version').stdout).toBe(`${manifest.version}\n`)
  })

  test('has no file that imports what is not there', () => {
    const files = globSync('**/*.js', { cwd: app }).map((file) => join(app, file))
    const texts = files.map((file) => ({ file, text: readFileSync(file, 'utf8') }))
    const absent = texts.flatMap(({ file, text }) =>
      [...text.matchAll(/^(?:import|\} from) "(\.[^"]*)";$|import\("(\.[^"]*)"\)/gm)]
        .map(([, one, other]) => join(dirname(file), one ?? other ?? ''))
        .filter((path) => !existsSync(path)),
    )
    expect(absent).toEqual([])
  })

  test('has threads and processes of few needs load nothing of the rest', () => {
    const threads = [
      'runtime/host/archive/pieces/archive-packer-thread.js',
      'runtime/host/proof/digest-process.js',
    ]
    const imports = threads.flatMap(
      (file) => readFileSync(join(app, file), 'utf8').match(/from "\..*"/g) ?? [],
    )
    expect(imports).toEqual([])
  })

  test('says where a config is wrong', () => {
    const { config } = server()
    writeFileSync(config, readFileSync(config, 'utf8').replace('target: t ', 'target: x '))
    expect(hdsync('runs', '-c', config).stderr).toContain(`${config}:1:`)
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
    expect(functions.filter(({ file }: { file: string }) => !existsSync(file))).toEqual([])
  })

  test("loads Node's client for the web, a quarter of a start, for no command that is called often", () => {
    const { config } = server()
    hdsync('target', 'adopt', 't', '-c', config)
    const tells = join(folder, 'tells.cjs')
    const loaded = `process.moduleLoadList.filter((one) => one.includes('undici')).join()`
    writeFileSync(
      tells,
      `process.on('exit', () => require('fs').writeFileSync('${folder}/loaded', ${loaded}))`,
    )
    for (const words of [['run', '-q'], ['status'], ['show'], ['backups'], ['verify', '-q']]) {
      const start = ['--require', tells, join(app, 'runtime/cli/main.js'), ...words, '-c', config]
      expect(spawnSync(process.execPath, start, { env, encoding: 'utf8' }).status, words[0]).toBe(0)
      expect(readFileSync(join(folder, 'loaded'), 'utf8'), words[0]).toBe('')
    }
  })

  test('finds the runs of a config that is gone, as it was when it was last good', () => {
    const { config } = server()
    hdsync('target', 'adopt', 't', '-c', config)
    const { run } = JSON.parse(hdsync('run', '--json', '-c', config).stdout)
    rmSync(config)
    const { stdout, stderr } = hdsync('runs', '--json', '-c', config)
    expect(JSON.parse(stdout)).toMatchObject([{ run, state: 'succeeded' }])
    expect(stderr).toContain('as it was when it was last good')
  })

  test('gives programs that import hdsync the very events that its functions handle', () => {
    const script = `
      import { syncRun } from 'hdsync'
      import handler from '${app}/functions/backup/sync.run.js'
      import 'hdsync/testing'
      console.log(handler.on[0] === syncRun)`
    writeFileSync(join(folder, 'program.mjs'), script)
    expect(execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8' })).toBe('true\n')
  })

  describe('tells the compiler', () => {
    /** What a function of the user's, which is not good, does when it runs. */
    const wrong = {
      undeclared: "emit(sourceFailed, { source: data.source, step: '', reason: '' })",
      payload: 'emit(runWarned, { reason: 1 })',
      misspelt: 'log.info(data.sauce)',
    }
    let objections: string[] = []
    let files: string[] = []
    beforeAll(() => {
      const home = join(folder, 'server')
      mkdirSync(home)
      const { config } = server(home)
      const functions = join(home, 'functions')
      hdsync('functions', 'new', 'tell-monitor', '--on', 'run.failed', '-c', config)
      hdsync('functions', 'new', 'lock', '--on', 'snapshot.before', '-c', config)
      writeFileSync(join(functions, 'known.ts'), known)
      writeFileSync(join(functions, 'narrowed.ts'), narrowed)
      for (const [name, statement] of Object.entries(wrong)) {
        const text = `
          import { defineFunction, runWarned, sourceFailed, sourceSynced } from 'hdsync'
          export const unused = sourceFailed
          export default defineFunction({
            on: sourceSynced, emits: [runWarned], aside: true,
            async run({ data }, { emit, log }) { ${statement} },
          })`
        writeFileSync(join(functions, `${name}.ts`), text)
      }
      // What its types name and is not to be found is an error here, and `any` to an editor.
      const words = ['--project', functions, '--skipLibCheck', 'false', '--listFiles']
      const compiler = join(root, 'node_modules/typescript/bin/tsc')
      const { stdout } = spawnSync(process.execPath, [compiler, ...words], {
        cwd: functions,
        encoding: 'utf8',
      })
      const lines = stdout.trim().split('\n')
      objections = lines.filter((line) => line.includes('error TS'))
      files = lines.filter((line) => line.startsWith('/') && !line.includes('/@typescript/'))
    })

    test('the types of all that functions and their tests are written with, and needs no checkout for it', () => {
      const names = ['tell-monitor.ts', 'lock.test.ts', 'known.ts', 'narrowed.ts'].map(
        (name) => `functions/${name}`,
      )
      for (const name of names) expect(files).toContainEqual(expect.stringContaining(name))
      expect(files).toContain(join(app, 'runtime/hdsync.d.ts'))
      expect(files.filter((file) => file.startsWith(root))).toEqual([])
      expect(objections.filter((line) => !wrong[line.split('.')[0] as keyof typeof wrong])).toEqual([])
    })

    test.each([
      [
        'an event that is not declared',
        'undeclared',
        /"source\.failed".* is not assignable to .*"run\.warned"/,
      ],
      ['data that its event does not have', 'payload', /'number' is not assignable to type 'string'/],
      ['a misspelt field', 'misspelt', /'sauce' does not exist/],
    ])('what is wrong with %s', (_, name, objection) => {
      expect(objections.filter((line) => line.startsWith(`${name}.ts`))).toEqual([
        expect.stringMatching(objection),
      ])
    })
  })

  test('names the terms of every package that is in it', () => {
    const text = readFileSync(join(app, 'LICENCES.txt'), 'utf8')
    for (const name of ['zod', 'execa', 'hono', 'commander', 'yaml', '@types/node']) {
      expect(text).toMatch(new RegExp(`^${name} \\d\\S* \\(\\S+\\)$`, 'm'))
    }
  })
})
