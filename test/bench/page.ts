import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { makeLarge } from '../../deploy/dev/large-store.ts'
import type { RestorePoint } from '../../runtime/host/points/restore-point.ts'
import { freePort } from '../browser/server.ts'
import type { Figure } from './main.ts'
import { inFolder, median, quartiles } from './measure.ts'
import { type Released, release } from './released.ts'

const bench = 'page'
const rounds = 11
const firstByteMs = 300
const firstViewKb = 150

const folder = '/files/source000/part000/folder00000'

/** The source of a million files is the first of a hundred. @param archive One of it. */
const screensOf = (archive: string): Record<string, string> => ({
  State: '/',
  Nights: '/nights',
  'a night of 100 sources': '/nights/last',
  'Points: all sources': '/points',
  'Points: one source': '/points?source=source000',
  'Files: all sources': '/files',
  'Files: the top of a million': `/files/source000?at=${archive}`,
  'Files: a folder of 200': `${folder}?at=${archive}`,
  'Files: a file and its versions': `${folder}/file0000000.dat?at=${archive}`,
  'find: one name of a million': '/files?find=file0777777',
  'find: none': '/files?find=no-such-name',
  'find: none, another alphabet': `/files?find=${encodeURIComponent('отчёт')}`,
  'find: one path of a million': '/files?find=part038/folder03888/file0777777',
  'find: the first of a million': '/files?find=file',
  'Bring back': `/bring-back?source=source000&at=${archive}`,
  Held: '/holds',
  'Functions and events': '/bus',
  'Functions and events: events': '/bus/events',
  Sessions: '/sessions',
})

/**
 * What each screen takes of a server with 100 sources, 10,000 runs and 1,000,000 files in a restore point. `HDSYNC_BENCH_STORE`: the
 * folder of one that `npm run page:demo -- --large --folder` has made; to make one takes minutes.
 */
export async function page(): Promise<Figure[]> {
  return inFolder(async (own) => {
    const store = process.env.HDSYNC_BENCH_STORE ?? join(own, 'store')
    const config = join(store, 'hdsync.yaml')
    if (!existsSync(config)) await makeLarge({ folder: store, port: await freePort() })
    const hdsync = await release(own, config)
    const points = JSON.parse(`${hdsync.run('backups', 'source000', '--json').stdout}`) as RestorePoint[]
    const archive = points.find(({ kind }) => kind === 'weekday')?.id ?? ''
    const screens = screensOf(encodeURIComponent(archive))
    return await served(hdsync, join(store, 'state/hdsync.sock'), (link) => measure(link, screens))
  })
}

/** Does something while the daemon serves. @param body Is given a link that lets in. */
async function served<T>(hdsync: Released, socket: string, body: (link: URL) => Promise<T>): Promise<T> {
  const daemon = spawn(hdsync.launcher, ['serve'], { env: hdsync.env, stdio: 'ignore' })
  const ended = once(daemon, 'exit')
  try {
    while (!existsSync(socket)) {
      if (daemon.exitCode !== null) throw new Error(`hdsync serve has ended with ${daemon.exitCode}`)
      await pause(20)
    }
    return await body(new URL(`${hdsync.run('open').stdout}`.trim()))
  } finally {
    daemon.kill()
    await ended
  }
}

async function measure(link: URL, screens: Record<string, string>): Promise<Figure[]> {
  const { cookie } = await visit(link)
  const figures: Figure[] = []
  for (const [screen, path] of Object.entries(screens)) {
    // What the daemon loads when a screen is seen first does not count.
    const { body } = await visit(new URL(path, link), cookie)
    const tookMs: number[] = []
    for (let round = 0; round < rounds; round += 1)
      tookMs.push((await visit(new URL(path, link), cookie)).firstMs)
    const bytes = body.length + (await bytesBeside(body, link))
    figures.push(
      {
        ...{ bench, what: `${screen}: first byte`, unit: 'ms', goal: firstByteMs },
        ...{ value: median(tookMs), spread: quartiles(tookMs) },
      },
      { bench, what: `${screen}: first view`, value: bytes / 1000, unit: 'KB', goal: firstViewKb },
    )
  }
  return figures
}

/** What a browser loads for a document besides. */
async function bytesBeside(body: Buffer, link: URL): Promise<number> {
  const paths = [...`${body}`.matchAll(/(?:href|src)="(\/assets\/[^"]*)"/g)].map(([, path = '']) => path)
  const loaded = await Promise.all(paths.map((path) => visit(new URL(path, link))))
  return loaded.reduce((sum, one) => sum + one.body.length, 0)
}

interface Visited {
  body: Buffer
  /** From the request to the first byte of the answer. */
  firstMs: number
  /** That lets in from now on. */
  cookie: string
}

/** Asks for an address as a browser does that somebody has typed it into. @throws {Error} It is answered with an error. */
async function visit(url: URL, cookie = ''): Promise<Visited> {
  const startedAt = performance.now()
  const typed = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' }
  const [answer] = (await once(get(url, { headers: { ...typed, cookie } }), 'response')) as [IncomingMessage]
  const firstMs = performance.now() - startedAt
  const body = Buffer.concat(await answer.toArray())
  if ((answer.statusCode ?? 500) >= 400)
    throw new Error(`${url.pathname} is answered with ${answer.statusCode}`)
  const [given = ''] = answer.headers['set-cookie'] ?? []
  return { body, firstMs, cookie: given.split(';', 1)[0] ?? '' }
}
