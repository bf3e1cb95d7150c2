import { expect, test } from 'vitest'
import { alsoNeeds } from '../../../../../../runtime/http/page/state/also.ts'

const good = { source: 'www', drill: { at: '', state: 'succeeded', error: null } }

test('alsoNeeds() has nothing to say where all is well', () => {
  expect(alsoNeeds({ sources: [good] } as never, [{ function: 'sync.run' }])).toEqual([])
})

test('alsoNeeds() names what is late, failed, untold or off, each with the command to type', () => {
  const bad = { source: 'var', drill: { at: '', state: 'failed', error: 'a file differs' } }
  const copies = [
    { copy: 'usb', state: 'overdue', error: null },
    { copy: 'vault', state: 'failed', error: 'no room' },
    { copy: 'safe', state: 'absent', error: null },
  ]
  const status = { sources: [good, bad], copies, disabledFunctions: ['my.own'] } as never
  const dead = [{ function: 'notify.email' }, { function: 'notify.exec' }, { function: 'sync.run' }]
  expect(alsoNeeds(status, dead)).toEqual([
    { what: 'The copy usb has not had everything for too long.', todo: 'hdsync copy usb' },
    { what: 'The copy vault failed: no room.', todo: 'hdsync copy vault' },
    { what: 'The last drill of var failed: a file differs.', todo: 'hdsync drill var' },
    { what: '2 messages reached nobody.', todo: 'hdsync dead' },
    { what: 'The function my.own is disabled.', todo: 'hdsync functions enable my.own' },
  ])
})
