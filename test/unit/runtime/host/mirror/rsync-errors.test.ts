import { describe, expect, test } from 'vitest'
import {
  ComplaintReader,
  type Complaints,
  complaintsOf,
  leftOutOf,
  leftOutText,
  type RsyncErrorKind,
} from '../../../../../runtime/host/mirror/rsync-errors.ts'

const end23 =
  'rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394) [sender=3.5.0]'
const said = (...lines: string[]) => `${[...lines, end23].join('\n')}\n`
const places = ['/mnt/live/var', '/mnt/hdd1/var/']
const kindsOf = ({ kinds }: Complaints) => kinds.map(({ kind, count, entries }) => [kind, count, ...entries])

// Recorded from rsync 3.2.7 and 3.5.0 on ext4; what a disk or another file system is needed for, by their sources.
describe('complaintsOf()', () => {
  test.each<[line: string, kind: RsyncErrorKind, entry: string | undefined]>([
    ['could not make way for new symlink: www', 'in-the-way', 'www'],
    ['could not make way for new regular file: n\\#303\\#244m\\#012e', 'in-the-way', 'näm\\#012e'],
    ['filename overflows max-path len by 128: dd/ee', 'long-name', 'dd/ee'],
    [
      'rsync: [receiver] mkstemp "/mnt/hdd1/var/d/.long.YXDg3u" failed: File name too long (36)',
      'long-name',
      'd/long',
    ],
    ['rsync: [generator] link "/mnt/hdd1/var/f1" => f9999 failed: Too many links (31)', 'links', 'f1'],
    [
      'rsync: [receiver] rsync_xal_set: fsetxattr("/mnt/hdd1/var/.a.MUeqgu","user.x") failed: No space left on device (28)',
      'attribute',
      'a',
    ],
    [
      'rsync: [receiver] rsync_xal_set: lsetxattr("/mnt/hdd1/var/.a.bHHJsg","user.x") failed: Argument list too long (7)',
      'attribute',
      'a',
    ],
    [
      'rsync: [generator] set_acl: sys_acl_set_file(a, ACL_TYPE_ACCESS): Operation not supported (95)',
      'no-attributes',
      'a',
    ],
    [
      'rsync: [receiver] rsync_xal_set: lsetxattr("/mnt/hdd1/var/a","user.x") failed: Operation not supported (95)',
      'no-attributes',
      'a',
    ],
    [
      'rsync: [generator] symlink "/mnt/hdd1/var/l" -> "a" failed: Operation not permitted (1)',
      'special-file',
      'l',
    ],
    ['rsync: [generator] mknod "/mnt/hdd1/var/n" failed: Operation not permitted (1)', 'special-file', 'n'],
    [
      'rsync: [receiver] mkstemp "/mnt/hdd1/var/.a:b.Cx8Qe1" failed: Invalid argument (22)',
      'bad-name',
      'a:b',
    ],
    [
      'rsync: [receiver] chown "/mnt/hdd1/var/.a.Cx8Qe1" failed: Operation not permitted (1)',
      'not-permitted',
      'a',
    ],
    ['rsync: [sender] opendir "/mnt/live/var/d" failed: Permission denied (13)', 'no-access', 'd'],
    ['rsync: [sender] read errors mapping "/mnt/live/var/d": Input/output error (5)', 'io', 'd'],
    [
      'rsync: [receiver] mkstemp "/mnt/hdd1/var/.d.Cx8Qe1" failed: Read-only file system (30)',
      'read-only',
      'd',
    ],
    [
      'rsync: [receiver] write failed on "/mnt/hdd1/var/big": No space left on device (28)',
      'no-space',
      'big',
    ],
    ['rsync: [receiver] write failed on "/mnt/hdd1/var/big": Disk quota exceeded (122)', 'quota', 'big'],
    ['rsync: [receiver] write failed on "/mnt/hdd1/var/big": File too large (27)', 'file-too-large', 'big'],
    ['rsync: [sender] readlink_stat("/mnt/live/var/x") failed: Stale file handle (116)', 'stale', 'x'],
    ['ERROR: out of memory in flist_expand [sender]', 'memory', undefined],
    [
      'rsync: [sender] send_files failed to open "/mnt/live/var/d/f": Too many levels of symbolic links (40)',
      'changed',
      'd/f',
    ],
    ['rsync: [sender] send_files failed to open "/mnt/live/var/d/f": Not a directory (20)', 'changed', 'd/f'],
    [
      'rsync: [sender] get_acl: sys_acl_get_file(d/f, ACL_TYPE_ACCESS): Too many levels of symbolic links (40)',
      'changed',
      'd/f',
    ],
    ['file has vanished: "/mnt/live/var/f"', 'vanished', 'f'],
    ['rsync: [receiver] rename failed for "x" (from "y"): Device or resource busy (16)', 'unknown', 'x'],
    [
      'rsync: [sender] get_acl: sys_acl_get_file(d/f12, ACL_TYPE_ACCESS): No such file or directory (2)',
      'vanished',
      'd/f12',
    ],
    ['rsync: [sender] link_stat "/mnt/live/var/." failed: No such file or directory (2)', 'unknown', '.'],
    ['something new', 'unknown', undefined],
  ])('takes %j for %s', (line, kind, entry) => {
    expect(kindsOf(complaintsOf(said(line), places))).toEqual([
      entry === undefined ? [kind, 1] : [kind, 1, entry],
    ])
  })

  test('hears what was stopped at the limit, which exit code 23 masks', () => {
    const complaints = complaintsOf(
      said(
        'could not make way for new symlink: www',
        'Deletions stopped due to --max-delete limit (3 skipped)',
      ),
    )
    expect(complaints).toMatchObject({ stopped: 3, kinds: [{ kind: 'in-the-way' }] })
  })

  test('names an entry once, however much was wrong with it', () => {
    const line = (name: string) =>
      `rsync: [receiver] rsync_xal_set: fsetxattr("/mnt/hdd1/var/a","user.${name}") failed: No space left on device (28)`
    expect(kindsOf(complaintsOf(said(line('x'), line('y')), places))).toEqual([['attribute', 1, 'a']])
  })

  test('shows the reason behind a name of any length', () => {
    const deep = `${Array.from({ length: 18 }, () => 'D'.repeat(200)).join('/')}/last`
    const { first } = complaintsOf(`rsync: [sender] opendir "/${deep}" failed: Permission denied (13)\n`)
    expect(first.length).toBeLessThan(300)
    expect(first).toMatch(/^rsync: \[sender\] opendir "\/DDD.*…D.*\/last" failed: Permission denied \(13\)$/)
    const { first: overflow } = complaintsOf(`filename overflows max-path len by 128: ${deep}`)
    expect(overflow).toMatch(/^filename overflows max-path len by 128: D+…D+/)
    expect(overflow.length).toBeLessThan(500)
  })
})

describe('ComplaintReader', () => {
  test('keeps little of much, and misses nothing in its midst', () => {
    const reader = new ComplaintReader(places)
    const opened = (n: number) =>
      `rsync: [sender] opendir "/mnt/live/var/d${n}" failed: Permission denied (13)\n`
    for (let n = 0; n < 20_000; n += 1) {
      if (n === 9_000)
        reader.add('rsync: [sender] read errors mapping "/mnt/live/var/f": Input/output error (5)\n')
      reader.add(opened(n))
    }
    const complaints = reader.end()
    expect(complaints.kinds.map(({ kind, count }) => [kind, count])).toEqual([
      ['no-access', 20_000],
      ['io', 1],
    ])
    expect(JSON.stringify(complaints).length).toBeLessThan(2_000)
  })

  test('reads lines that come in pieces, and one that never ends', () => {
    const reader = new ComplaintReader()
    for (const byte of Buffer.from('could not make way for new symlink: w\\#303\\#244'))
      reader.add(Buffer.of(byte))
    expect(kindsOf(reader.end())).toEqual([['in-the-way', 1, 'wä']])
    const endless = new ComplaintReader()
    for (let n = 0; n < 1_000; n += 1) endless.add('D'.repeat(10_000))
    endless.add(': Input/output error (5)\n')
    expect(kindsOf(endless.end())).toEqual([['io', 1]])
  })
})

describe('leftOutOf()', () => {
  test('is what is known to be one entry alone', () => {
    const complaints = complaintsOf(said('could not make way for new symlink: www'))
    expect(leftOutOf(complaints)).toEqual({ kinds: [{ kind: 'in-the-way', count: 1, entries: ['www'] }] })
  })

  test.each([
    said(
      'could not make way for new symlink: www',
      'rsync: [sender] read errors mapping "x": Input/output error (5)',
    ),
    said('could not make way for new symlink: www', 'something new'),
    said('rsync: [sender] opendir "/d" failed: Permission denied (13)'),
    said(),
  ])('is nothing where anything else is wrong: %j', (text) =>
    expect(leftOutOf(complaintsOf(text))).toBeUndefined(),
  )
})

describe('leftOutText()', () => {
  test('names some, counts all, and says what to do', () => {
    const lines = Array.from({ length: 7 }, (_, n) => `filename overflows max-path len by 128: d${n}`)
    const leftOut = leftOutOf(complaintsOf(said(...lines, 'could not make way for new symlink: www')))
    expect(leftOutText({ kinds: leftOut?.kinds ?? [], deletedNothing: true }, 'var', '/mnt/hdd1/var')).toBe(
      'not copied, or not in full: "d0", "d1", "d2", 4 more (its path is too long); "www" (the mirror has a folder in its place, with files in it that are excluded now); nothing was deleted in the mirror, as not all of the source was read: look at /mnt/hdd1/var/www and move it away; what need not be kept goes under sources.var.exclude',
    )
  })
})
