import { fingerprint } from '../fingerprint.ts'
import type { Night, Setting } from '../night.ts'
import { oddFiles } from '../servers.ts'

/** The live volumes, each of another kind. */
export const sources = ['var', 'home', 'data'] as const
export type Source = (typeof sources)[number]

/** What each of the three nights is brought back from. */
export const media = ['kept archive', 'weekday archive', 'mirror'] as const
export type Medium = (typeof media)[number]

const boot = `
  mkdir -p /srv/state /mnt/hdd1 /mnt/hdd9
  mount /dev/vdd /srv/state`

/** As somebody does who looks at backups: hdsync leaves them mounted. */
export const mountDisks = 'mount /dev/vdb /mnt/hdd1; mount /dev/vdc /mnt/hdd9'

/** Three live volumes and room to restore to, a disk for mirrors, one for archives, one for the event store. */
export const server: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
      { name: 'lv_data', fs: 'xfs', size: '320M', at: '/srv/data' },
      { name: 'lv_room', fs: 'ext4', size: '96M', at: '/srv/room' },
    ],
  },
  group: 800,
  disks: [128, 96, 48],
  // The first night is eight days ago, the second seven, the third one: the first and the third are of one weekday.
  before: "date -s '-8 days' >/dev/null",
  prepare: `
    for disk in b c d; do mke2fs -q -t ext4 /dev/vd$disk; done
    ${boot}
    for at in /srv/{var,home,data}; do
      (${oddFiles('$at/odd')})
      mkdir $at/many; for n in {1..200}; do echo $at $n > $at/many/$n; done
    done
    setcap cap_net_raw+ep /srv/home/odd/mail/cur/large; setcap cap_net_raw+ep /srv/data/odd/mail/cur/large
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2
    mkdir /srv/var/cache; echo no > /srv/var/cache/x
    hdsync target adopt --all`,
  boot,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, exclude: [/cache/], maxDelete: 20 }
  home: { lv: vg01/lv_home, target: hdd1 }
  data: { lv: vg01/lv_data, target: hdd1, snapshot: { size: 32M } }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vdc, at: /mnt/hdd9 }] }
archive: { target: hdd9, keep: { weekly: 5 } }
state: /srv/state/hdsync
`,
}

/** What is changed before the second and before the third night, on each volume. */
export const changes = [
  `echo more >> odd/mail/cur/1; rm -r odd/deep/er/and; echo second > odd/mail/new/second; chmod 711 odd
   for n in {1..20}; do echo second > many/$n; done; rm many/200`,
  `echo third > odd/mail/cur/1; rm odd/mail/cur/large; ln odd/mail/cur/2 odd/another; echo third > odd/another; setfattr -n user.note -v other odd/mail/cur/2
   for n in {11..30}; do echo third > many/$n; done; mkdir many/new; echo third > many/new/201`,
]

/** Everything a volume holds that a backup keeps; tar leaves out sockets. */
export function state({ machine }: Night, folder: string): Promise<string> {
  return fingerprint(machine, folder, { without: ['./cache', './odd/socket', './.hdsync-undo'] })
}

/** What the volumes held in a night. */
export type States = Record<Source, string> & { mail: string }

/** What of which source is brought back by itself from a medium. */
export const parts: Record<Medium, Source> = {
  mirror: 'data',
  'weekday archive': 'var',
  'kept archive': 'home',
}

/** @param of The sources that are looked at. */
export async function states(night: Night, medium: Medium, of: readonly Source[]): Promise<States> {
  const found: States = { var: '', home: '', data: '', mail: '' }
  for (const source of of) found[source] = await state(night, `/srv/${source}`)
  if (!of.includes(parts[medium])) return found
  return { ...found, mail: await state(night, `/srv/${parts[medium]}/odd/mail`) }
}
