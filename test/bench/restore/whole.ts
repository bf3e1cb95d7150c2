import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../main.ts'
import { quotients, ratio, skipped, turnByTurn } from '../measure.ts'
import type { Released } from '../released.ts'
import { must, type Peer, quiet } from './peers.ts'

const bench = 'restore'
const rounds = 3

/** A whole source into a new folder, in times of what else does that. On all sides it is on the disk at the end. */
export async function whole(folder: string, hdsync: Released, peers: readonly Peer[]): Promise<Figure[]> {
  const to = join(folder, 'back')
  const mirror = join(folder, 'hdd1', 'var')
  const archive = join(folder, 'hdd9', 'Monday', 'var.tar.zst')
  const restored = (disk: string) => () =>
    must(
      spawnSync(
        hdsync.launcher,
        ['restore', 'var', '--disk', join(folder, disk), '--to', to],
        quiet(hdsync.env),
      ),
    )
  const shell = (script: string) => () => must(spawnSync('sh', ['-ec', script], quiet()))
  const empty = (body: () => void) => () => {
    mkdirSync(to)
    body()
    must(spawnSync('sync', ['-f', to], quiet()))
  }
  const pairs: [string, () => void, () => void, number][] = [
    [
      'a whole mirror, in times of rsync -a',
      restored('hdd1'),
      empty(shell(`rsync -a ${mirror}/ ${to}/`)),
      1.15,
    ],
    [
      'a whole archive, in times of zstd -dc | tar -x',
      restored('hdd9'),
      empty(shell(`zstd -dc ${archive} | tar -x -C ${to}`)),
      1.15,
    ],
    ...peers
      .filter(({ missing }) => missing === undefined)
      .map(({ name, all }): [string, () => void, () => void, number] => [
        `a whole archive, in times of ${name}`,
        restored('hdd9'),
        empty(() => all(to)),
        1,
      ]),
  ]
  const figures: Figure[] = []
  for (const [what, ours, theirs, atMost] of pairs) {
    const times = await turnByTurn([['ours', ours] as const, ['theirs', theirs] as const], {
      rounds,
      warm: 1,
      after: () => rmSync(to, { recursive: true }),
    })
    figures.push(ratio(bench, what, quotients(times('ours'), times('theirs')), { atMost }))
  }
  const missing = peers.flatMap(({ name, missing: why }) => (why === undefined ? [] : [{ name, why }]))
  return [
    ...figures,
    ...missing.map(({ name, why }) => skipped(bench, `a whole archive, in times of ${name}`, why)),
  ]
}
