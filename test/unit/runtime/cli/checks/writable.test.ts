import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkFolders } from '../../../../../runtime/cli/checks/writable.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { config } from './lvm.ts'

test('checkFolders() tells of a folder in which others could put a config or a function', () => {
  const folder = temporaryFolder()
  const [etc, functions] = [join(folder, 'etc'), join(folder, 'functions')]
  for (const path of [etc, functions]) mkdirSync(path)
  chmodSync(etc, 0o775)
  chmodSync(functions, 0o1777)
  const box = { config: { ...config, file: join(etc, 'hdsync.yaml'), functions }, root: true }
  const found = checkFolders(box).filter(({ finding }) => finding.startsWith(folder))
  const own = process.getuid?.() === 0 ? [etc] : [etc, folder, functions]
  expect(found.map(({ finding }) => finding.split(' ')[0])).toEqual(own)
  expect(found[0]).toMatchObject({
    id: 'config.replaceable',
    severity: 'warning',
    remedy: `chown root ${etc} && chmod go-w ${etc}`,
  })
  expect(checkFolders({ ...box, root: false })).toEqual([])
})
