import { expect, it } from 'vitest'
import { onlyLooks } from '../../runtime/host/command/read-only-commands.ts'
import { fingerprint } from './fingerprint.ts'
import { describeNight, type Setting } from './night.ts'
import { leftovers, oddFiles } from './servers.ts'

/** Every kind of source there is: four file systems, thick and thin, and a plain directory. */
const everything: Setting = {
  server: {
    pool: '120M',
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
      { name: 'lv_data', fs: 'xfs', size: '320M', at: '/srv/data' },
      { name: 'lv_mail', fs: 'ext4', size: '64M', at: '/srv/mail', thin: true },
    ],
  },
  group: 900,
  disks: [200, 96, 96, 200],
  prepare: `
    mke2fs -q -t ext2 /dev/vdb; mke2fs -q -t ext3 /dev/vdc; mke2fs -q -t ext3 /dev/vdd; mke2fs -q -t ext4 /dev/vde
    mkdir -p /mnt/hdd1 /mnt/hdd9 /srv/plain
    mount /dev/vdb /mnt/hdd1; mkdir /mnt/hdd1/var /mnt/hdd1/home; umount /mnt/hdd1
    for at in /srv/{var,home,data,mail,plain}; do
      (${oddFiles('$at/odd')})
    done
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2
    mkdir /srv/plain/over; echo old > /srv/plain/over/old
    mkdir /srv/var/cache /srv/var/lib; echo no > /srv/var/cache/x; echo yes > /srv/var/lib/x
    hdsync target adopt --all`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, exclude: [/cache/] }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 24M } }
  data: { lv: vg01/lv_data, target: hdd1, snapshot: { size: 10% } }
  mail: { lv: vg01/lv_mail, target: hdd1, archive: false }
  plain: { path: /srv/plain, target: hdd1 }
targets:
  hdd1:
    path: /mnt/hdd1
    mounts:
      - { device: /dev/vdb, at: /mnt/hdd1, type: ext2 }
      - { device: /dev/vdc, at: /mnt/hdd1/var, type: ext3 }
      - { device: /dev/vdd, at: /mnt/hdd1/home, type: ext3 }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vde, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
`,
}
const sources = ['var', 'home', 'data', 'mail', 'plain']
const mountDisks = `mount /dev/vdb /mnt/hdd1; mount /dev/vdc /mnt/hdd1/var; mount /dev/vdd /mnt/hdd1/home; mount /dev/vde /mnt/hdd9`
const unmountDisks = 'umount /mnt/hdd1/var /mnt/hdd1/home /mnt/hdd1 /mnt/hdd9'
const weekday = '"$(date +%A)"'

describeNight('a whole night', everything, (night) => {
  it('succeeds, and leaves nothing behind', async () => {
    const { code, result } = await night.run()
    expect(result).toMatchObject({ state: 'succeeded' })
    expect(code).toBe(0)
    expect(result.sources.map(({ source, state, mountTrials }) => [source, state, mountTrials])).toEqual(
      sources.map((source) => [source, 'succeeded', source === 'plain' ? 0 : 1]),
    )
    expect(await leftovers(night.machine)).toEqual({ snapshots: [], mounts: [] })
  })

  it.each(sources)('mirrors %s with everything that belongs to its files', async (source) => {
    // reiserfs and ext2 count whole seconds.
    const options = { wholeSeconds: true, without: ['./cache'] }
    const live = await fingerprint(night.machine, `/srv/${source}`, options)
    await night.machine.ok(mountDisks)
    try {
      expect(live).toContain('new\\nline')
      expect(await fingerprint(night.machine, `/mnt/hdd1/${source}`, options)).toBe(live)
      expect(await night.machine.ok(`stat -c %b /mnt/hdd1/${source}/odd/sparse`)).not.toMatch(/^\d{5}/)
    } finally {
      await night.machine.ok(unmountDisks)
    }
  })

  it('leaves out what is excluded', async () => {
    await night.machine.ok(mountDisks)
    expect(await night.machine.ok('ls /mnt/hdd1/var | grep -v lost+found')).toBe('lib\nodd')
    await night.machine.ok(unmountDisks)
  })

  it('writes archives that bring everything back', async () => {
    await night.machine.ok(mountDisks)
    try {
      expect(await night.machine.ok(`cd /mnt/hdd9/${weekday} && ls -A`)).toBe(
        'data.tar.zst\nhome.tar.zst\nplain.tar.zst\nvar.tar.zst',
      )
      await night.machine.ok(`mkdir /srv/restored; cd /srv/restored
        tar -xf /mnt/hdd9/${weekday}/plain.tar.zst --xattrs --xattrs-include='*' --acls --numeric-owner`)
      const live = await fingerprint(night.machine, '/srv/plain', {
        wholeSeconds: true,
        without: ['./odd/socket'],
      })
      // tar leaves out sockets.
      expect(
        await fingerprint(night.machine, '/srv/restored/plain', {
          wholeSeconds: true,
          without: ['./odd/socket'],
        }),
      ).toBe(live)
    } finally {
      await night.machine.ok(unmountDisks)
    }
  })

  it('copies only what has changed in the second night, with the commands that were planned', async () => {
    // A mode alone is a change too.
    await night.machine.ok(`
      echo more >> /srv/var/lib/x; rm /srv/home/odd/mail/cur/large; echo new > /srv/mail/new
      chmod 711 /srv/data/odd /srv/plain/odd`)
    const plan = await night.machine.ok('hdsync plan')
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(
      result.sources.map(({ source, filesTransferred, filesDeleted }) => [
        source,
        filesTransferred,
        filesDeleted,
      ]),
    ).toEqual([
      ['var', 1, 0],
      ['home', 0, 1],
      ['data', 0, 0],
      ['mail', 1, 0],
      ['plain', 0, 0],
    ])
    // Whether files were written while they were copied is a matter of chance.
    const certain = (line: string) => !/ --(from0|dry-run) /.test(line)
    const planned = plan.split('\n').flatMap((line) =>
      line
        .replace(/ {2}# .*$/, '')
        .replace(/ > \S+$/, '')
        .split(' | '),
    )
    const done = await commandsOf(result.run)
    expect(comparable(done.filter(certain))).toEqual(comparable(planned.filter(certain)))
  })

  /** The commands of a run, as the journal has them; what only looks is not part of a plan. */
  async function commandsOf(run: string): Promise<string[]> {
    const lines = await night.machine.ok(`
      node -e '
        const { DatabaseSync } = require("node:sqlite")
        const rows = new DatabaseSync("/var/lib/hdsync/hdsync.db").prepare(\`
          SELECT argv FROM command JOIN delivery ON delivery.id = delivery_id
          JOIN event ON seq = event_seq WHERE run_id = ?\`).all("${run}")
        for (const { argv } of rows) console.log(argv)'`)
    return lines
      .split('\n')
      .map((line): string[] => JSON.parse(line))
      .filter((argv) => !onlyLooks(argv))
      .map((argv) => argv.join(' '))
  }

  it('backs up the sources that are named, and no others; what has not changed becomes a link', async () => {
    await night.machine.ok('date --set "+1 day"')
    const { result } = await night.run('run', 'plain', 'mail')
    expect(result.sources.map(({ source, state }) => [source, state])).toEqual([
      ['mail', 'succeeded'],
      ['plain', 'succeeded'],
    ])
    const commands = await commandsOf(result.run)
    expect(commands.filter((line) => line.startsWith('rsync'))).toEqual([
      expect.stringContaining('--max-delete='),
      expect.stringContaining('--max-delete='),
    ])
    expect(commands.filter((line) => line.startsWith('tar'))).toEqual([])
    expect(await night.machine.ok('hdsync show')).toMatch(
      /plain\.tar\.zst, .* unchanged since \w+day .*, linked/,
    )
    await night.machine.ok(mountDisks)
    try {
      expect(
        await night.machine.ok('cd /mnt/hdd9 && find *day/plain.tar.zst -links 2 | wc -l; find -name ".?*"'),
      ).toMatch(/^2\n(?!.*hdsync-part)/s)
    } finally {
      await night.machine.ok(unmountDisks)
    }
  })

  it('tells what lies in a directory and is in no backup, and what it hides', async () => {
    await night.machine.ok(`lvcreate -qq -y -L 8M -n lv_extra vg01; mke2fs -q -t ext4 /dev/vg01/lv_extra
      mount /dev/vg01/lv_extra /srv/plain/over; echo precious > /srv/plain/over/new`)
    const { code, result } = await night.run('run', 'plain')
    expect([code, result.state]).toEqual([3, 'degraded'])
    expect(result.sources[0]?.error).toMatch(/not in any backup.*\/srv\/plain\/over \(ext4 file system\)/)
    expect(result.sources[0]?.error).toContain('the mirror keeps old files of folders that a mount hides')
    expect(await night.machine.run('hdsync check')).toMatchObject({
      stdout: expect.stringContaining('/srv/plain/over (ext4 file system)'),
    })
  })
})

/** Without the run's id and the number of deletions, and in one order: archives are written side by side. */
function comparable(commands: string[]): string[] {
  const run = /hdsync\.run=(\w+)/.exec(commands.join('\n'))?.[1] ?? ''
  return commands
    .map((line) =>
      line
        .replaceAll("'", '')
        .replaceAll(run, 'RUN')
        .replace(/--max-delete=\w+/, '--max-delete=N'),
    )
    .sort()
}
