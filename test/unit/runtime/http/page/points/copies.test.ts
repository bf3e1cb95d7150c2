import { expect, test } from 'vitest'
import type { CopyStatus } from '../../../../../../runtime/backup/copies/copy-status.ts'
import { copiesOf } from '../../../../../../runtime/http/page/points/copies.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
const source = {
  source: 'var',
  archives: 3,
  newestAt: '2026-11-24T02:00:00.000Z',
  sizeBytes: 3000,
  waiting: 0,
}
const copy = {
  ...{ copy: 'usb', state: 'succeeded', lastGoodAt: '2026-11-24T02:00:00.000Z', error: null },
  ...{ path: '/mnt/usb', mounted: true, sources: [source] },
} as unknown as CopyStatus

test('each place tells how it stands, where it is, and what waits', () => {
  const text = String(copiesOf([copy, { ...copy, copy: 'away', mounted: false }], now))
  expect(text).toContain('It lies at <code>/mnt/usb</code>')
  expect(text).toContain('Its disk is not there')
  expect(text).toContain('nothing waits to be copied')
  const waiting = String(copiesOf([{ ...copy, sources: [{ ...source, waiting: 2 }] }], now))
  expect(waiting).toContain('2 archives to be copied')
  expect(waiting).toContain('<code data-copy>hdsync copy usb</code>')
})

test('what a vault says of itself is text, whatever is in it', () => {
  const hostile = '</p><script>alert(1)</script>"\u001b]0;x\u202e'
  const vault = { ...copy, state: 'failed', error: hostile, ssh: `a@b "><script>alert(1)</script>` }
  const text = String(copiesOf([vault as CopyStatus], now))
  expect(text).not.toContain('<script')
  expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;\\x1b]0;x\\u{202e}')
})
