import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { expanded, folderOfHost, keepName, namedAnew } from '../../../../runtime/config/host-path.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { UsageError } from '../../../../runtime/errors.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder, 'hdsync.yaml')
  writeFileSync(
    file,
    `sources: { home: { path: /home, target: disk } }
targets:
  disk: { path: '/mnt/backup/%h/daily' }
  plain: { path: '/mnt/100%%' }
  odd: { path: '/mnt/5%x' }
state: ${folder}/state
`,
    { mode: 0o600 },
  )
})
const targets = async () => (await loadConfig({ path: file, env: {} })).targets

describe('the path of a target', () => {
  test('has the name of the host for %h, a percent sign for %%, and everything else as it is', async () => {
    const { disk, plain, odd } = await targets()
    expect(disk).toMatchObject({ path: `/mnt/backup/${hostname()}/daily`, named: { host: hostname() } })
    expect(plain?.path).toBe('/mnt/100%')
    expect(plain?.named).toBeUndefined()
    expect(odd?.path).toBe('/mnt/5%x')
  })

  test('keeps the name by which the target was adopted, and can have the new one again', async () => {
    const { disk } = await targets()
    if (!disk?.named) throw new Error('it has no name')
    keepName(join(folder, 'state'), { ...disk, named: { ...disk.named, host: 'alpha' } })
    const renamed = (await targets()).disk
    expect(renamed?.path).toBe('/mnt/backup/alpha/daily')
    expect(renamed && namedAnew(renamed).path).toBe(`/mnt/backup/${hostname()}/daily`)
    expect(JSON.parse(readFileSync(join(folder, 'state/targets.json'), 'utf8'))).toEqual({
      hosts: { disk: 'alpha' },
    })
    writeFileSync(join(folder, 'state/targets.json'), '{ "ho')
    expect((await targets()).disk?.named?.host).toBe(hostname())
  })

  test('says which folder is the first of this host', async () => {
    const { disk, plain } = await targets()
    expect(disk && folderOfHost(disk)).toBe(`/mnt/backup/${hostname()}`)
    expect(plain && folderOfHost(plain)).toBeUndefined()
  })

  test.each(['', '..', '.x', 'a/b', '-x', 'a b'])('does not take %j for a name', (host) => {
    expect(() => expanded('/mnt/%h', host)).toThrow(UsageError)
  })
})
