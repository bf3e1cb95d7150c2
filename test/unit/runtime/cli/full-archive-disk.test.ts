import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { main } from '../../../../runtime/cli/program.ts'
import { writeMarker } from '../../../../runtime/host/target/marker.ts'
import { weekdayOf } from '../../../../runtime/weekday.ts'
import { backUp, makeServer, printed } from './night.ts'

test.skipIf(process.geteuid?.() !== 0)(
  'a disk that fills up during a night costs no older archive (root alone can make such a disk)',
  async () => {
    const server = await makeServer('archive: { target: disk, keep: { weekly: 2 } }\n')
    const disk = join(server.folder, 'disk')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=9M,mode=700', 'hdsync-test', disk])
    onTestFinished(() => void execFileSync('umount', [disk]))
    await writeMarker(disk, 'disk', 0)
    const megabytes = (count: number) => randomBytes(count * 1024 ** 2)
    writeFileSync(join(server.folder, 'home/data'), megabytes(2))
    await backUp(server)
    const today = join(disk, weekdayOf(Date.now()), 'home.tar.zst')
    const kept = join(disk, 'kept', '2026-11-22')
    mkdirSync(kept, { recursive: true, mode: 0o700 })
    linkSync(today, join(kept, 'home.tar.zst'))
    const [archive, { ino }] = [readFileSync(today), statSync(today)]

    writeFileSync(join(server.folder, 'home/more'), megabytes(2))
    await backUp(server)
    expect(statSync(today).ino).toBe(ino)
    expect(readFileSync(today)).toEqual(archive)
    expect(statSync(join(kept, 'home.tar.zst')).ino).toBe(ino)
    expect(readdirSync(join(disk, weekdayOf(Date.now()))).sort()).toEqual(['home.tar.zst', 'www.tar.zst'])

    const io = printed()
    expect(await main(['node', 'hdsync', 'status', '--config', server.config], '0.0.0', io)).toBe(1)
    expect(io.out).toMatch(/home: failed: archive.*No space left on device|home: .*ENOSPC|home: .*full/s)
    const listed = printed()
    const ls = ['ls', 'home:data', '--at', 'home@kept-2026-11-22', '--config', server.config]
    expect(await main(['node', 'hdsync', ...ls], '0.0.0', listed)).toBe(0)
    expect(listed.out).toBe('data\n')
  },
)
