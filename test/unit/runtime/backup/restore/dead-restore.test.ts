import { expect, test } from 'vitest'
import type { StoredRestoreRequest } from '../../../../../events/index.ts'
import { adviceForRestore, lettersSettledBy } from '../../../../../runtime/backup/restore/dead-restore.ts'
import type { DeadLetter } from '../../../../../runtime/core/bus/journal.ts'

const letter = (id: number, type: string, data: object): DeadLetter =>
  ({ id, function: type, event: { type, data, runid: 'r' }, tries: 1, diedAt: 0, error: '' }) as never

const wanted = (root: string): StoredRestoreRequest => ({
  ...{ do: 'restore', point: 'var@latest', paths: [''], root, isNew: false, deletes: false },
  ...{ exclude: [], owners: 'keep', hash: 'x' },
})

const step = { source: 'var', root: '/var', id: 'a' }
const letters = [
  letter(1, 'restore.start', { source: 'var', request: wanted('/var') }),
  letter(2, 'restore.unpack', step),
  letter(3, 'restore.place', { ...step, missing: [] }),
  letter(4, 'restore.start', { source: 'var', request: wanted('/srv') }),
  letter(5, 'backup.start', {}),
]

test('dead letters of a restore that touched nothing are closed when it is asked for again', () => {
  expect(adviceForRestore(letters[0] as DeadLetter)).toContain('again')
  expect(lettersSettledBy(wanted('/var'), letters)).toEqual([1, 2])
})

test('those of one that was cut off are closed when it goes on or is taken back, and not before', () => {
  for (const how of ['resume', 'undo'] as const) {
    expect(lettersSettledBy({ do: how, root: '/var', id: 'a' }, letters)).toEqual([3])
    expect(lettersSettledBy({ do: how, root: '/srv', id: 'a' }, letters)).toEqual([])
  }
})
