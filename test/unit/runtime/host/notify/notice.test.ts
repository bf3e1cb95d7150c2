import { describe, expect, test, vi } from 'vitest'
import { catalogue, type Envelope } from '../../../../../events/index.ts'
import { sampleEvent } from '../../../../../runtime/backup/sample-event.ts'
import { cutBytes, noticeOf } from '../../../../../runtime/host/notify/notice.ts'
import { event } from '../../../../contract/publication.ts'
import { runEnded } from '../hook-bench.ts'

vi.stubEnv('TZ', 'UTC')

const at = '2026-01-01T00:00:00.000Z'

function notice(type: string, data: unknown, fields: Partial<Envelope> = {}) {
  return noticeOf(event('e1', { source: '/hdsync/web1', type, data, ...fields }))
}

// Written out in full, so that whoever changes one sees how it reads.

describe('noticeOf()', () => {
  test('of a run that failed', () => {
    expect(noticeOf(runEnded('failed'))).toEqual({
      title: 'hdsync on web1: run failed: var',
      urgency: 'bad',
      text: [
        'The backup of web1 failed.',
        '',
        '  home  succeeded  12 files, 1 MiB copied, 3 deleted; archive /mnt/Thursday/home.tar.zst',
        '  var   failed     sync.run: ‘rsync’ ended with exit code 23',
        '',
        'Began  2026-01-01 01:30:00 UTC',
        'Ended  2026-01-01 01:52:10 UTC, after 22m 10s',
        'Run    run1',
        '',
        'To see what happened, on web1: hdsync show run1',
      ].join('\n'),
    })
  })

  test('of a run that went well', () => {
    const { title, text, urgency } = noticeOf(runEnded('succeeded'))
    expect([title, urgency]).toEqual(['hdsync on web1: run succeeded', 'good'])
    expect(text).toMatch(/^The backup of web1 went well\.\n/)
    expect(text).toMatch(/\nRun {4}run1$/)
  })

  test('of a run that is held', () => {
    const { title, text } = noticeOf(runEnded('held'))
    expect(title).toBe('hdsync on web1: run held: var')
    expect(text).toContain(
      'To see what would go, on web1: hdsync show --held var\nTo resume it: hdsync release var',
    )
  })

  test.each<[string, unknown, string, string]>([
    [
      'source.failed',
      { source: 'var', step: 'sync.run', reason: 'the disk is full' },
      'backup of var failed',
      'At the step sync.run: the disk is full',
    ],
    [
      'sync.held',
      { source: 'var', deletions: 1060, files: 1058, folders: 2, mirrorFiles: 1100, limit: 550 },
      'backup of var is held',
      'var would delete 1,058 files and 2 folders of 1,100 entries in the mirror, 550 are allowed. Nothing was deleted.\n\nTo see what would go, on web1: hdsync show --held var\nIf that is as it should be: hdsync release var',
    ],
    [
      'run.overdue',
      { source: 'var', lastSuccessAt: at, firstSeenAt: at, allowedMs: 36 * 3_600_000 },
      'no backup of var since 2026-01-01 00:00:00 UTC',
      'The last good backup of var was at 2026-01-01 00:00:00 UTC; 1d 12h without one are allowed.\n\nTo see what happened, on web1: hdsync runs',
    ],
    [
      'dead.lettered',
      { function: 'sync.run', event: 'e0', type: 'sync.run', source: 'var', tries: 3, reason: 'no room' },
      'sync.run was given up',
      'sync.run was to handle sync.run of var, and was given up after 3 attempts.\n\nno room',
    ],
    [
      'hook.disabled',
      { hook: 'chat', fingerprint: 'abc', reason: 'a.example answered 410 Gone' },
      'notification hook chat is disabled',
      'a.example answered 410 Gone\n\nIt is used again once it is changed in the config.',
    ],
    ['my.event', { colour: 'red', parts: [1, 2] }, 'my.event', 'colour: red\nparts: [1,2]'],
    ['run.failed', { odd: true }, 'run.failed', 'odd: true'],
  ])('of %s', (type, data, what, text) => {
    expect(notice(type, data)).toMatchObject({ title: `hdsync on web1: ${what}`, text })
  })

  test('of a test says that it is one', () => {
    const { title, text } = noticeOf(sampleEvent('run.failed', ['var'], Date.parse(at)))
    expect(title).toMatch(/: test: run failed: var$/)
    expect(text).toMatch(
      /^This is a test of the notifications\. What follows has not happened\.\n\nThe backup of /,
    )
  })

  test.each([...catalogue.keys()])('has something to say of a test with %s', (type) => {
    const { text } = noticeOf(sampleEvent(type, ['var'], Date.parse(at)))
    expect(text).toContain('test')
    expect(text).not.toContain('undefined')
  })
})

test('cutBytes() cuts between characters', () => {
  expect(cutBytes('aé', 3)).toBe('aé')
  expect(cutBytes('aé', 2)).toBe('a')
  expect(cutBytes('a😀b', 4)).toBe('a')
})
