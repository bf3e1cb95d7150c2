import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inTheWay, writeConfig } from '../../../../../runtime/cli/init/write.ts'
import { ConfigError } from '../../../../../runtime/config/problem.ts'
import { UsageError } from '../../../../../runtime/errors.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const text = 'sources: { a: { path: /a, target: t } }\ntargets: { t: { path: /t } }\n'

describe('writeConfig()', () => {
  test('makes the folders, and a file that its owner alone can read', async () => {
    const file = join(temporaryFolder(), 'etc/hdsync/hdsync.yaml')
    await writeConfig(file, text)
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(file, '..'))).toEqual(['hdsync.yaml'])
  })

  test('overwrites nothing, not even a dangling link, and leaves nothing behind', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'one'), 'mine')
    symlinkSync('/nowhere', join(folder, 'two'))
    for (const name of ['one', 'two']) {
      await expect(writeConfig(join(folder, name), text)).rejects.toBeInstanceOf(UsageError)
    }
    expect(readFileSync(join(folder, 'one'), 'utf8')).toBe('mine')
    expect(readdirSync(folder)).toEqual(['one', 'two'])
  })

  test('writes nothing that hdsync would not take', async () => {
    const folder = temporaryFolder()
    await expect(writeConfig(join(folder, 'bad'), 'sources: {}\n')).rejects.toBeInstanceOf(ConfigError)
    expect(readdirSync(folder)).toEqual([])
  })

  test('says where it cannot write', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    await expect(writeConfig(join(folder, 'file/hdsync.yaml'), text)).rejects.toThrow(/cannot write/)
  })
})

test('inTheWay() names folders that a mirror would take for its own, unless they are empty', () => {
  const folder = temporaryFolder()
  for (const name of ['var', 'home/lost+found', 'etc/apt']) mkdirSync(join(folder, name), { recursive: true })
  expect(inTheWay(folder, ['var', 'home', 'etc', 'srv'])).toEqual([join(folder, 'etc')])
})
