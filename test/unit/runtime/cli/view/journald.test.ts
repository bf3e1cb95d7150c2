import { chmodSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { goesToJournal } from '../../../../../runtime/cli/view/choose.ts'
import { journaldView } from '../../../../../runtime/cli/view/journald.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../night.ts'

const failed: Envelope = {
  specversion: '1.0',
  id: '1',
  source: '/hdsync/box',
  type: 'source.failed',
  subject: 'home',
  time: '2026-01-01T00:00:00Z',
  datacontenttype: 'application/json',
  runid: 'abc',
  attempt: 2,
  data: { source: 'home', step: 'sync.run', reason: 'the disk\nis gone', cancelled: false },
}

afterEach(() => vi.unstubAllEnvs())

test('a line for the journal has its priority, and fields to look it up by', async () => {
  const folder = temporaryFolder()
  const told = join(folder, 'told')
  writeFileSync(join(folder, 'logger'), `#!/bin/sh\n{ echo "$@"; cat; } >> ${told}\n`)
  chmodSync(join(folder, 'logger'), 0o755)
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
  const view = journaldView(printed())
  view.onEvent?.(failed)
  view.note('take care')
  await expect.poll(() => readFileSync(told, 'utf8')).toContain('take care')
  expect(readFileSync(told, 'utf8')).toBe(
    [
      '--journald',
      'MESSAGE=home: FAILED at sync.run: the disk is gone',
      'PRIORITY=3',
      'SYSLOG_IDENTIFIER=hdsync',
      'HDSYNC_RUN=abc',
      'HDSYNC_SOURCE=home',
      'HDSYNC_EVENT=source.failed',
      'HDSYNC_ATTEMPT=2',
      '--journald',
      'MESSAGE=take care',
      'PRIORITY=4',
      'SYSLOG_IDENTIFIER=hdsync',
      '',
    ].join('\n'),
  )
})

test('where logger fails, the line goes to standard error with its priority', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'logger'), '#!/bin/sh\nexit 1\n')
  chmodSync(join(folder, 'logger'), 0o755)
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
  const io = printed()
  journaldView(io).onEvent?.(failed)
  await expect.poll(() => io.err).toBe('<3>home: FAILED at sync.run: the disk is gone\n')
})

test('standard error goes to the journal when systemd says so of this very file', () => {
  const fd = openSync(join(temporaryFolder(), 'file'), 'w')
  const { dev, ino } = fstatSync(fd)
  expect(goesToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, fd)).toBe(true)
  expect(goesToJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, fd)).toBe(false)
  expect(goesToJournal({}, fd)).toBe(false)
})
