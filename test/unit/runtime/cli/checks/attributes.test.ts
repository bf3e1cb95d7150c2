import { describe, expect, test } from 'vitest'
import { checkAttributes } from '../../../../../runtime/cli/checks/attributes.ts'
import type { Target } from '../../../../../runtime/config/config.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { boxWith } from './lvm.ts'

const disk = (name = 'disk'): Target => ({ name, path: temporaryFolder(), mounts: [], parallel: 1 })
const cannot = { stderr: 'Operation not supported' }

describe('checkAttributes()', () => {
  test('warns of what would be lost, and says what to do', async () => {
    const box = boxWith([], { setfacl: cannot, setfattr: cannot, mkfifo: cannot })
    expect(await checkAttributes(disk(), box)).toMatchObject([
      { id: 'target.unsuitable', severity: 'warning', finding: expect.stringContaining('FIFOs') },
      {
        id: 'target.no-acls',
        severity: 'warning',
        remedy: expect.stringMatching(/acl,user_xattr|use a disk/),
      },
      { id: 'target.no-xattrs', severity: 'warning', finding: expect.stringContaining('(xattr)') },
    ])
  })

  test('asks nothing of a disk for archives alone, and nothing when it is not root', async () => {
    const box = boxWith([], { setfacl: cannot })
    expect(await checkAttributes(disk('archives'), box)).toEqual([])
    expect(await checkAttributes(disk(), { ...box, root: false })).toEqual([])
  })
})
