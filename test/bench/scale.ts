import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from './main.ts'
import { inFolder, median, quotients, ratio, turnByTurn } from './measure.ts'
import { plainSources, type Released, release, released, writeConfig } from './released.ts'

const bench = 'scale'
const rounds = 5
const filesInAFolder = 100

/** What grows with the number of sources, and of files; with `--large` up to a million of them. */
export async function scale({ large = false }: { large?: boolean | undefined }): Promise<Figure[]> {
  return [
    ...(await sources()),
    ...(await files(1000, 10_000)),
    ...(await files(1000, 100_000)),
    ...(large ? await files(1000, 1_000_000) : []),
  ]
}

/** Plans and unchanged nights of many plain directories with a file each. */
async function sources(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const hdsync = await boxes(folder, [1, 10, 100, 1000], (place, count) => plainSources(place, count))
    for (const count of [1, 10, 100]) hdsync(count).run('run', '--quiet')
    const plan = (count: number) => () => hdsync(count).run('plan', '--json')
    const night = (count: number) => () => hdsync(count).run('run', '--quiet')
    const ms = await turnByTurn(
      [
        ['bare', () => spawnSync(process.execPath, ['-e', '0'])],
        ['plan 1', plan(1)],
        ['plan 10', plan(10)],
        ['plan 100', plan(100)],
        ['plan 1000', plan(1000)],
        ['night 1', night(1)],
        ['night 10', night(10)],
        ['night 100', night(100)],
      ],
      { rounds, warm: 1 },
    )
    const what = 'plan of 1,000 sources, in times of node -e 0'
    return [
      // Two seconds, where Node starts in 40 ms.
      ratio(bench, what, quotients(ms('plan 1000'), ms('bare')), { atMost: 50 }),
      exponent(
        'plan, by sources: from 100 to 1,000',
        [ms('plan 1'), ms('plan 100'), ms('plan 1000')],
        999 / 99,
      ),
      exponent(
        'unchanged night, by sources: from 10 to 100',
        [ms('night 1'), ms('night 10'), ms('night 100')],
        99 / 9,
      ),
    ]
  })
}

/** The power of the number with which the time grows, beyond what one takes: 1 where each takes the same. */
function exponent(what: string, [one, some, many]: [number[], number[], number[]], times: number): Figure {
  const oneMs = median(one)
  const powers = some.map((ms, n) => Math.log(((many[n] ?? 0) - oneMs) / (ms - oneMs)) / Math.log(times))
  return ratio(bench, `${what}, exponent`, powers, { atMost: 1.1 }, '')
}

/** An unchanged night of one plain directory, as against rsync alone. */
async function files(few: number, many: number): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const hdsync = await boxes(folder, [few, many], (place, count) => {
      makeTree(join(place, 'source'), count)
      mkdirSync(join(place, 'target'))
      return writeConfig(place, `  s: { path: ${place}/source, target: t }`)
    })
    for (const count of [few, many]) hdsync(count).run('run', '--quiet')
    const night = (count: number) => () => hdsync(count).run('run', '--quiet')
    const rsync = (count: number) => () => bareRsync(join(folder, String(count)))
    const ms = await turnByTurn(
      [
        ['night of few', night(few)],
        ['rsync of few', rsync(few)],
        ['night of many', night(many)],
        ['rsync of many', rsync(many)],
      ],
      { rounds, warm: 1 },
    )
    const growth = (name: 'night' | 'rsync') =>
      ms(`${name} of many`).map((took, n) => took - (ms(`${name} of few`)[n] ?? Number.NaN))
    const amount = many.toLocaleString('en')
    const whole = quotients(ms('night of many'), ms('rsync of many'))
    return [
      ratio(bench, `unchanged night of ${amount} files, in times of rsync`, whole, { atMost: 2.2 }),
      ratio(
        bench,
        `what makes ${amount} files of ${few.toLocaleString('en')} costs, in times of rsync`,
        quotients(growth('night'), growth('rsync')),
        { atMost: 2.2 },
      ),
    ]
  })
}

/** Boxes of several sizes, each with a folder of its own. @returns The one of a size. */
async function boxes(
  folder: string,
  counts: readonly number[],
  make: (place: string, count: number) => string,
): Promise<(count: number) => Released> {
  const found = new Map<number, Released>()
  for (const count of counts) {
    const place = join(folder, String(count))
    mkdirSync(place)
    const config = make(place, count)
    const box = found.size === 0 ? await release(folder, config) : released(folder, config)
    box.run('target', 'adopt', 't')
    found.set(count, box)
  }
  return (count) => found.get(count) as Released
}

function makeTree(folder: string, files: number): void {
  for (let n = 0; n < files; n += 1) {
    const inside = join(folder, `d${Math.floor(n / filesInAFolder)}`)
    if (n % filesInAFolder === 0) mkdirSync(inside, { recursive: true })
    writeFileSync(join(inside, `f${n}`), 'x')
  }
}

/** As hdsync calls it, without what it does beside. */
function bareRsync(place: string): void {
  const flags = ['-aHAXS', '--numeric-ids', '--one-file-system', '--delete-delay', '--modify-window=-1']
  const ended = spawnSync('rsync', [...flags, '--', `${place}/source/`, `${place}/target/s/`])
  if (ended.status !== 0) throw new Error(`rsync: ${ended.stderr}`)
}
