import { expect, it } from 'vitest'
import { fingerprint } from '../fingerprint.ts'
import { describeNight } from '../night.ts'
import { leftovers } from '../servers.ts'
import { commandsOf, everything, mountDisks, sources, unmountDisks } from './server.ts'

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
    const certain = (line: string) => !/ --(existing|dry-run) /.test(line)
    const planned = plan.split('\n').flatMap((line) =>
      line
        .replace(/ {2}# .*$/, '')
        .replace(/ > \S+$/, '')
        .split(' | '),
    )
    const done = await commandsOf(night, result.run)
    expect(comparable(done.filter(certain))).toEqual(comparable(planned.filter(certain)))
  })
})

/**
 * Without the run's id and the number of deletions, and in one order: archives are written side by side. Whether rsync is given a
 * list, the times tell that a file system keeps.
 */
function comparable(commands: string[]): string[] {
  const run = /hdsync\.run=(\w+)/.exec(commands.join('\n'))?.[1] ?? ''
  return commands
    .map((line) =>
      line
        .replaceAll("'", '')
        .replaceAll(run, 'RUN')
        .replace(/--max-delete=\w+/, '--max-delete=N')
        .replace(/ --dirs --files-from=\S+ --from0 --ignore-missing-args/, '')
        .replaceAll(/ --exclude=\S+\/\*\*/g, ''),
    )
    .sort()
}
