import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Child } from '../unit/child.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'

// A database that is locked as long as its session lives: the file `session` is there from its begin to its end.
const session = (folder: string) =>
  `['sh', '-c', 'touch ${folder}/session; while read -r line; do echo "$line"; done; rm ${folder}/session']`

const own = (folder: string) => ({
  'lock.ts': `
    import { defineFunction, snapshotBefore } from 'hdsync'
    export default defineFunction({
      on: snapshotBefore,
      emits: [],
      async run(_, { host, snapshotTaken }) {
        const database = host.session({ argv: ${session(folder)}, timeoutMs: 60_000 })
        database.say('locked')
        await database.hear()
        await snapshotTaken()
        await database.end()
      },
    })`,
  'unlock.ts': `
    import { appendFileSync } from 'node:fs'
    import { defineFunction, snapshotAfter } from 'hdsync'
    export default defineFunction({
      on: snapshotAfter,
      emits: [],
      run({ data }) { appendFileSync('${folder}/story', \`after \${data.source}, taken: \${data.taken}\\n\`) },
    })`,
})

test('a gate is closed though hdsync is killed while it is open: locks go with it, and snapshot.after runs', async () => {
  const folder = temporaryFolder()
  const functions = join(folder, 'functions')
  mkdirSync(functions)
  for (const [name, text] of Object.entries(own(folder))) {
    writeFileSync(join(functions, name), text, { mode: 0o600 })
  }
  const config = `
sources: { var: { lv: no-such-group/var, target: disk } }
targets: { disk: { path: ${folder}/disk } }
state: ${folder}/state
functions: ${functions}
`
  writeFileSync(join(folder, 'hdsync.yaml'), config, { mode: 0o600 })
  const program = new URL('gate-child.ts', import.meta.url)

  const first = new Child(program, folder, 'hold')
  await first.printed(1)
  expect(existsSync(join(folder, 'session'))).toBe(true)
  await first.kill()
  await expect.poll(() => existsSync(join(folder, 'session'))).toBe(false)
  expect(existsSync(join(folder, 'story'))).toBe(false)

  const second = new Child(program, folder, 'finish')
  expect(await second.ended()).toBe(0)
  const reason = 'interrupted: hdsync was stopped in the middle'
  expect(second.lines).toEqual([`snapshot.after ${reason}`, 'run.failed '])
  expect(readFileSync(join(folder, 'story'), 'utf8')).toBe('after var, taken: false\n')
})
