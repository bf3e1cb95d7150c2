import { expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { config, docs, nothing, replace, volume } from './server.ts'

/** A folder of a user's, and one of root's with a file of the same name. */
const mine = (at: string) =>
  `rm -rf ${at}/mine*; mkdir ${at}/mine; echo mine > ${at}/mine/file; chown -R 1234 ${at}/mine
   mkdir -p -m 700 /root/secret; echo secret > /root/secret/file`
const swap = (at: string) => `mv ${at}/mine ${at}/mine.old; ln -s /root/secret ${at}/mine`

// A user swaps a folder for a link while it is copied: root must not read what that leads to.
export function swaps(night: Night): void {
  it('a directory, with a rsync that opens by its path what it has listed before', async () => {
    const { machine } = night
    await night.configure(config(docs))
    await machine.ok(`rm -f /run/stolen; ${mine('/srv/docs')}`)
    const restore = await replace(
      night,
      'rsync',
      `[ "$1" = --version ] && { echo 'rsync  version 3.2.7  protocol version 32'; exit; }
       case "$*" in *--max-delete=*)
         ${swap('/srv/docs')}
         cat "\${@: -2:1}/mine/file" > /run/stolen 2> /run/refused ;;
       esac
       exec -a rsync /usr/bin/rsync "$@"`,
    )
    await machine.ok('echo new > /srv/docs/new')
    const { code, result } = await night.run()
    await restore()
    expect([code, result.state]).toEqual([0, 'succeeded'])
    expect(await machine.ok('cat /run/stolen; grep -o "Too many.*" /run/refused')).toBe(
      'Too many levels of symbolic links',
    )
    expect(await machine.ok('readlink /look/hdd1/docs/mine; grep -rl secret /look/hdd1/docs || :')).toBe(
      '/root/secret',
    )
    expect(await leftovers(machine)).toEqual(nothing)
    expect(await machine.ok('grep -c nosymfollow /proc/self/mountinfo || :')).toBe('0')
    await machine.ok('rm -r /srv/docs/mine*')
  })

  it('a snapshot, in which nobody can', async () => {
    const { machine } = night
    await night.configure(config(volume('var')))
    await machine.ok(mine('/srv/var'))
    const rsync = await night.hold('rsync', '*--max-delete=*')
    const running = night.run()
    await rsync.reached()
    const moved = await machine.run('cd /run/hdsync/*/snapshots/*-var && mv mine other')
    await machine.ok(swap('/srv/var'))
    await rsync.go()
    expect(moved).toMatchObject({ code: 1, stderr: expect.stringContaining('Read-only file system') })
    expect((await running).code).toBe(0)
    expect(await machine.ok('cat /look/hdd1/var/mine/file')).toBe('mine')
    await machine.ok('rm -r /srv/var/mine*')
  })
}
