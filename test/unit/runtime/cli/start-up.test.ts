import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const cli = join(import.meta.dirname, '../../../../runtime/cli')

/** Packages that a process has loaded once it has loaded a command. */
function packagesOf(command: string): string[] {
  const script = `
    const { registerHooks } = require('node:module')
    const names = new Set()
    registerHooks({ resolve(name, context, next) { names.add(name); return next(name, context) } })
    import('${cli}/commands/${command}.ts').then(() => console.log(JSON.stringify([...names])))`
  const names: string[] = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))
  return names.filter((name) => !/^(?:[./]|node:|file:)/.test(name))
}

test.each(['show', 'runs'])('%s loads nothing that it does not need: it has to answer at once', (command) => {
  const packages = packagesOf(command)
  expect(packages).toContain('get-east-asian-width')
  expect(packages).not.toContain('execa')
  expect(packages).not.toContain('string-width')
  expect(packages).not.toContain('log-update')
})

test('a list of runs is printed without what checks configs and events', () => {
  expect(packagesOf('runs')).not.toContain('zod')
  expect(packagesOf('runs')).not.toContain('yaml')
})
