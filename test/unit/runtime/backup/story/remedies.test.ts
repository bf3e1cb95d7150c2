import { expect, test } from 'vitest'
import { type Case, remedyFor } from '../../../../../runtime/backup/story/remedies.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { InterruptedError } from '../../../../../runtime/errors.ts'
import { UnmountableError } from '../../../../../runtime/host/lvm/volume-content.ts'
import { noRuntimeRoom } from '../../../../../runtime/host/mount/runtime-room.ts'

const { sources } = parseConfig(
  'sources: { var: { lv: vg01/lv_var, target: hdd1 } }\ntargets: { hdd1: { path: /mnt/hdd1 } }',
  'test.yaml',
)

const failure: Case = {
  source: sources.var as Case['source'],
  mirrorAt: '/mnt/hdd1/var',
  archivesAt: '/mnt/hdd9',
  run: 'abc',
  at: 0,
  state: 'failed',
  step: 'sync.run',
  reason: 'no',
  trial: 1,
  tries: 1,
  command: undefined,
  kernel: [],
  refused: 0,
  overflowed: 0,
  mirrorTouched: false,
  mirrorSuspect: false,
  others: [],
  archive: undefined,
}
const rsync = (exitCode: number, stderr = '') => ({ argv: ['rsync'], exitCode, signal: null, stderr })
const full = 'rsync: write failed on "/mnt/hdd1/var/x": No space left on device (28)'

test.each<[what: string, facts: Partial<Case>, advice: RegExp]>([
  ['a held sync', { state: 'held' }, /\$ hdsync release var/],
  ['one held by a limit of the hub', { state: 'held', isLimitOfHub: true }, /hub has set that limit/],
  ['a cancelled one', { state: 'cancelled' }, /somebody ended the run.*\$ hdsync run var/],
  ['a killed hdsync', { reason: new InterruptedError(false).message }, /\$ journalctl --boot=-1/],
  [
    'a power cut',
    { reason: new InterruptedError(true).message, step: 'snapshot.mount' },
    /\$ journalctl --boot=-1/,
  ],
  ['an overflow', { overflowed: 3 }, /snapshot\.max.*\$ vgs vg01/],
  [
    'refused mounts',
    { step: 'snapshot.mount', refused: 10 },
    /\$ fsck -n \/dev\/vg01\/lv_var.*mount\.attempts/,
  ],
  ['a target that is not there', { step: 'target.open' }, /\$ hdsync check.*target adopt hdd1/],
  [
    'a mirror that is a link',
    { step: 'target.open', reason: 'the mirror /mnt/hdd1/var is a link to /mnt/big: not synced (put …)' },
    /^Nothing was copied.*\$ hdsync check \$ hdsync run var/,
  ],
  [
    'a full /run',
    { step: 'snapshot.create', reason: `/run has 0 KiB left: ${noRuntimeRoom} (make room there)` },
    /^It is not the backup disk.*\$ df -h \/run/,
  ],
  ['a volume group without room', { step: 'snapshot.create' }, /\$ vgs vg01/],
  [
    'a volume that holds LUKS',
    {
      step: 'snapshot.create',
      reason: new UnmountableError({ vg: 'vg01', lv: 'lv_var' }, 'encrypted data (crypto_LUKS)', '').message,
    },
    /^No snapshot was taken.*\$ blkid --probe \/dev\/vg01\/lv_var/,
  ],
  ['lvcreate', { step: 'snapshot.take', command: { ...rsync(5), argv: ['lvcreate'] } }, /\$ vgs vg01/],
  ['a gate', { step: 'snapshot.take' }, /\$ hdsync show abc.*var\.snapshot\.gate\.timeout/],
  ['the gate of a directory', { step: 'source.prepare' }, /\$ hdsync show abc.*var\.gate\.timeout/],
  ['a full backup disk', { command: rsync(11, full) }, /\$ df -h \/mnt\/hdd1\/var/],
  [
    'a full backup disk of old, whose reason stood before the last words',
    { command: rsync(23, `${full}\nrsync error: code 23`) },
    /disk is full/,
  ],
  [
    'a target without attributes, of which only the record tells',
    {
      command: rsync(
        23,
        'rsync: [receiver] rsync_xal_set: lsetxattr("/m/a","user.x") failed: Operation not supported (95)',
      ),
    },
    /options: \[acl, user_xattr\]/,
  ],
  ['unreadable files', { command: rsync(23) }, /rsync names them.*\$ hdsync show/],
  ['a broken pipe', { command: rsync(12) }, /broken off.*\$ hdsync run var/],
  ['a source that is not right', {}, /did not look right.*\$ hdsync run var/],
  ['a full archive disk', { step: 'archive.weekly', command: rsync(1, full) }, /\$ df -h \/mnt\/hdd9/],
  ['a bad archive', { step: 'archive.weekly' }, /mirror is good.*\$ hdsync check/],
  ['a turn that never came', { step: 'source.next' }, /\$ hdsync run var/],
  ['anything else', { step: 'of.tomorrow' }, /\$ hdsync show abc \$ hdsync check/],
])('remedyFor() %s says what to do', (_, facts, advice) => {
  expect(remedyFor({ ...failure, ...facts }).join(' ')).toMatch(advice)
})

test.each<[cause: string, advice: RegExp]>([
  ['io', /failing.*\$ dmesg/],
  ['read-only', /read-only; .*\$ findmnt --target \/mnt\/hdd1\/var/],
  ['no-space', /is full.*\$ df -h.*\$ hdsync run var/],
  ['no-inodes', /no inodes left.*\$ df -i \/mnt\/hdd1\/var/],
  ['quota', /quota/],
  ['file-too-large', /sources\.var\.exclude/],
  ['no-attributes', /targets\.hdd1\.mounts: add options: \[acl, user_xattr\]/],
  ['not-permitted', /immutable.*\$ lsattr/],
  ['no-access', /root_squash/],
  ['stale', /mount it anew/],
  ['memory', /out of memory.*\$ free -h/],
  ['unknown', /rsync names them/],
])('remedyFor() an error of a copy, %s, says what to do', (cause, advice) => {
  expect(remedyFor({ ...failure, cause, command: rsync(23) }).join(' ')).toMatch(advice)
})
