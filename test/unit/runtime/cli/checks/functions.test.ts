import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { disabledFile } from '../../../../../runtime/backup/load-functions.ts'
import { checkFunctions } from '../../../../../runtime/cli/checks/functions.ts'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { setDisabled } from '../../../../../runtime/core/registry/disabled.ts'
import { makeServer } from '../night.ts'

const at = (event: string) => `import { defineFunction, ${event} } from 'hdsync'
export default defineFunction({ on: ${event}, emits: [], run() {} })`

test('a disabled function is named; one at a gate is a warning, and so is one that no source calls', async () => {
  const { folder, config: path } = await makeServer()
  const files = { tell: at('runFailed'), lock: at('snapshotBefore'), broken: 'export default {{{' }
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, 'functions', `${name}.ts`), text)
  const config = await loadConfig({ path, env: {} })
  const disable = (name: string, disabled: boolean) => setDisabled(disabledFile(config.state), name, disabled)
  for (const name of Object.keys(files)) disable(name, true)
  expect(await checkFunctions(config)).toMatchObject([
    { id: 'functions.ok' },
    { id: 'functions.off', severity: 'ok', finding: 'broken is disabled' },
    { id: 'functions.uncalled', severity: 'warning', remedy: 'hdsync functions enable lock' },
    { id: 'functions.off', finding: 'tell is disabled' },
  ])
  disable('broken', false)
  disable('lock', false)
  // The server has directories alone.
  expect(await checkFunctions(config)).toMatchObject([
    { id: 'functions.broken', severity: 'error' },
    { id: 'functions.off' },
    {
      id: 'functions.uncalled',
      finding: 'lock is never called: it handles snapshot.before, and no source is a volume',
    },
  ])
})
