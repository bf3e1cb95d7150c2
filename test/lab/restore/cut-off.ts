import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { mountDisks, state } from './server.ts'
import type { Nights } from './three-nights.ts'

const files = 200

/** In the middle, each path is the old one or the new one, and the restore can go on. */
export function cutByKill(night: Night, was: Nights): void {
  it('by a kill', async () => {
    await likeMirror(night, 'var')
    await spoil(night, 'var')
    await halfway(night, 'var', 'KILL')
    expect(await kinds(night, 'var')).toBe('new old')
    await ended(night, 'var')
    expect(await state(night, '/srv/var')).toBe(was.mirror.var)
  })
}

/** The same, where what had been written may not be on the disk. Of a source that is as it was in the last night. */
export function cutByPower(night: Night, was: Nights): void {
  it('by a power cut', async () => {
    await spoil(night, 'data')
    await halfway(night, 'data', 'STOP')
    // Some of it is on the disk, and some is not.
    await night.machine.ok('sync -f /srv/data; pkill -CONT -f "[r]estore data"; sleep 0.1')
    await night.reboot()
    await night.machine.ok(mountDisks)
    expect(await kinds(night, 'data')).toMatch(/^new( old)?$/)
    await ended(night, 'data')
    expect(await state(night, '/srv/data')).toBe(was.mirror.data)
  })
}

async function likeMirror({ machine }: Night, source: string): Promise<void> {
  await machine.ok(`hdsync restore ${source} --in-place --delete --yes --allow-deletions 500 -q
    rm -rf /srv/${source}/.hdsync-undo`)
}

async function spoil({ machine }: Night, source: string): Promise<void> {
  await machine.ok(`cd /srv/${source}/many; for n in {1..${files - 1}}; do echo old > $n; done`)
}

/** Starts a restore, and sends it a signal once a quarter of the paths have been replaced. */
async function halfway({ machine }: Night, source: string, signal: string): Promise<void> {
  await machine.ok(`cd /srv/${source}
    hdsync restore ${source} --in-place --yes -q > /run/restore.log 2>&1 &
    perl -e '
      for my $look (1 .. 60000) {
        for my $old (glob ".hdsync-undo/*/old") {
          opendir(my $folder, $old) or next;
          if ((() = readdir $folder) > ${files / 4}) { kill "${signal}", $ARGV[0] or die "gone"; exit }
        }
        select undef, undef, undef, 0.002;
      }
      die "never" ' $!`)
}

/** Which of both the many files are: nothing else may be found. */
function kinds({ machine }: Night, source: string): Promise<string> {
  return machine.ok(`cd /srv/${source}/many
    for n in {1..${files - 1}}; do
      read -r line < $n
      if [ "$line" = old ]; then echo old; elif cmp -s $n /mnt/hdd1/${source}/many/$n; then echo new; else echo torn $n; fi
    done | sort -u | paste -sd ' '`)
}

/** The next hdsync says so, and the restore is ended. */
async function ended({ machine }: Night, source: string): Promise<void> {
  const { code, stdout, stderr } = await machine.run('hdsync restore --resume last -q')
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining(`${source} restored in`)])
  expect((await machine.run('hdsync restore --resume last')).code).toBe(2)
}
