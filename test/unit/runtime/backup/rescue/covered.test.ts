import { expect, test } from 'vitest'
import { machineMounts, uncoveredMounts } from '../../../../../runtime/backup/rescue/covered.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { classicServer } from './classic-server.ts'

const facts = {
  devices: classicServer.devices,
  mounts: [
    ...classicServer.fileSystems,
    { at: '/mnt/hdd1', device: '/dev/sdc1', type: 'ext4', options: [], root: '/' },
    { at: '/srv/again', device: '/dev/mapper/vg01-var', type: 'reiserfs', options: [], root: '/www' },
  ],
}

function config(sources: string) {
  return parseConfig(
    `
sources:
${sources}
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: UUID=x, at: /mnt/hdd1 }] }
`,
    'test',
  )
}

test.each([
  [
    '  root: { path: /, target: hdd1, exclude: [/mnt/hdd1/, /boot/, /var/] }\n  boot: { path: /boot, target: hdd1 }\n  var: { lv: vg01/var, target: hdd1 }',
    [],
  ],
  [
    '  var: { lv: vg01/var, target: hdd1 }',
    [
      { at: '/', type: 'ext4', only: [] },
      { at: '/boot', type: 'ext3', only: [] },
    ],
  ],
  [
    '  etc: { path: /etc, target: hdd1 }\n  mail: { path: /var/mail, target: hdd1 }',
    [
      { at: '/', type: 'ext4', only: ['/etc'] },
      { at: '/var', type: 'reiserfs', only: ['/var/mail'] },
      { at: '/boot', type: 'ext3', only: [] },
    ],
  ],
])('what no source covers: %s', (sources, expected) => {
  expect(uncoveredMounts(facts, config(sources))).toEqual(expected)
})

test('the file system of a backup disk does not come back, nor one of a second place', () => {
  const mounts = machineMounts(facts, config('  var: { lv: vg01/var, target: hdd1 }'))
  expect(mounts.map(({ at }) => at)).toEqual(['/', '/var', '/boot'])
})
