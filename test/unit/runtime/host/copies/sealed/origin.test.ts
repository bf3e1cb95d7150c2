import { expect, test } from 'vitest'
import { proveOrigin } from '../../../../../../runtime/host/copies/sealed/origin.ts'

const origin = { source: 'home', at: '2026-11-28T03:12:45.123Z', user: 'hdsync-web1' }

test.each([
  ['another source', { source: 'var' }, /it is of source home, and the vault names it for var/],
  ['another host', { user: 'hdsync-web2' }, /it was sent as hdsync-web1, and is read as hdsync-web2/],
  ['a night before it', { at: '2026-11-27T03:12:45.123Z' }, /the vault names it for 2026-11-27.* earlier/],
  ['no night', { at: 'never' }, /names it for never/],
])('a copy that is named for %s is refused', (_, other, refusal) => {
  expect(() => proveOrigin(origin, { ...origin, ...other })).toThrow(refusal)
})

test('a copy that is named for a later night is told of, and one of its own night is not', () => {
  expect(proveOrigin(origin, origin)).toBeUndefined()
  expect(proveOrigin(origin, { ...origin, at: '2026-11-29T03:00:00.000Z' })).toMatch(
    /says that it is of 2026-11-28T03:12:45.123Z; the vault names it for 2026-11-29/,
  )
})
