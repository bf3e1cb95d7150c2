import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { backupStart } from '../../events/index.ts'
import type { Engine } from '../../runtime/backup/engine.ts'
import { openEngine } from '../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../runtime/config/load.ts'
import { type Clock, systemClock } from '../../runtime/core/clock.ts'
import { writeMarker } from '../../runtime/host/target/marker.ts'

const dayMs = 86_400_000
const hourMs = 3_600_000

/** A small server with nights behind it, for whoever wants to see the page or try it. */
export interface Month {
  folder: string
  config: string
}

export interface MonthOptions {
  /** An empty folder. */
  folder: string
  nights: number
  /** Lines below `http:`. */
  http?: string
  /** Of the page; 7227 unless given. */
  port?: number
  now?: number
  /** Told of each night. */
  onNight?(n: number): void
}

/** Makes a server on plain directories, and its nights: real copies and archives, whose clock is set to their day. */
export async function makeMonth({
  folder,
  nights,
  http = '',
  port = 7227,
  now = Date.now(),
  onNight,
}: MonthOptions): Promise<Month> {
  const config = await makeServer(folder, http, port)
  for (let n = 0; n < nights; n++) {
    onNight?.(n)
    const at =
      lastNight(now) - (nights - 1 - n) * dayMs + (n % 7) * 60_000 + (n === nights - 9 ? 5 * hourMs : 0)
    change(folder, n, nights, at)
    // A few nights make way for what happens on a real server: one was late, one did not take place.
    if (n === nights - 12) continue
    await night(config, at)
  }
  return { folder, config }
}

/** Lets all that the config names be backed up once, as if it were then. */
export async function night(config: string, at: number, data: { sources?: string[] } = {}): Promise<string> {
  const begun = Date.now()
  const clock: Clock = { ...systemClock, now: () => at + Date.now() - begun }
  const engine = await openEngine({ config: await loadConfig({ path: config, env: {} }), clock })
  if (!engine) throw new Error('another hdsync is at work')
  try {
    await engine.start()
    const run = await engine.trigger(backupStart, data)
    await settled(engine, run)
    return run
  } finally {
    await engine.stop()
  }
}

async function settled(engine: Engine, run: string): Promise<void> {
  await engine.ended(run)
  await engine.dispatcher.idle()
}

function lastNight(now: number): number {
  const date = new Date(now)
  const today = new Date(date.getFullYear(), date.getMonth(), date.getDate(), 2, 15).getTime()
  return today < now - hourMs ? today : today - dayMs
}

async function makeServer(folder: string, http: string, port: number): Promise<string> {
  for (const name of ['srv/home', 'srv/mail', 'srv/www', 'mirrors', 'archives', 'state', 'functions'])
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  for (const name of ['mirrors', 'archives']) await writeMarker(join(folder, name), name, 0)
  const config = join(folder, 'hdsync.yaml')
  const text = `sources:
  home: { path: ${folder}/srv/home, target: mirrors, maxDelete: 20% }
  mail: { path: ${folder}/srv/mail, target: mirrors }
  www: { path: ${folder}/srv/www, target: mirrors }
targets:
  mirrors: { path: ${folder}/mirrors }
  archives: { path: ${folder}/archives }
archive: { target: archives, keep: { weekly: 4, monthly: 3 } }
state: ${folder}/state
functions: ${folder}/functions
http:
  listen: 127.0.0.1:${port}
  restore: true
${http}`
  writeFileSync(config, text, { mode: 0o600 })
  return config
}

/** What people have done since the night before, some hours before the night that begins `at`. */
function change(folder: string, n: number, nights: number, at: number): void {
  const seconds = (at - 9 * hourMs) / 1000
  const write = (path: string, text: string | Buffer) => {
    const file = join(folder, 'srv', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    utimesSync(file, seconds, seconds)
  }
  if (n === 0) {
    for (let i = 1; i <= 24; i++)
      write(`home/ann/photos/2026-0${1 + (i % 9)}/img_${1000 + i * 7}.jpg`, noise(24_000 + i * 800, i))
    for (const name of ['offers', 'invoices', 'taxes'])
      for (let i = 1; i <= 9; i++)
        write(`home/bob/${name}/${2020 + (i % 7)}-${i}.txt`, `${name} ${i}\n`.repeat(40))
    for (const page of ['index', 'about', 'prices', 'team'])
      write(`www/${page}.html`, `<!doctype html>\n<title>${page}</title>\n<h1>${page}</h1>\n`)
    write('www/style.css', 'body { color: #222 }\n')
  }
  write(
    `mail/ann/inbox/2026-${String(n).padStart(2, '0')}.mbox`,
    `From: bob\nTo: ann\n\nDay ${n}\n`.repeat(60 + n * 9),
  )
  write('mail/ann/drafts/letter.txt', letter(n))
  write('home/bob/notes.md', notes(n))
  write(`www/log/${String(n).padStart(3, '0')}.log`, `GET / 200\n`.repeat(800 + ((n * 37) % 300)))
  if (n % 3 === 0) write(`home/ann/photos/2026-11/img_${2000 + n}.jpg`, noise(40_000, n))
  if (n > 2) rmSync(join(folder, 'srv/home/bob/offers/2021-1.txt'), { force: true })
  if (n === nights - 6) rmSync(join(folder, 'srv/mail/ann/inbox/2026-03.mbox'), { force: true })
  // For a night a disk was not mounted.
  const www = join(folder, 'srv/www')
  if (n === nights - 15) renameSync(www, `${www}.away`)
  if (n === nights - 14) {
    rmSync(www, { recursive: true, force: true })
    renameSync(`${www}.away`, www)
  }
  // Somebody has emptied a folder: the last nights are held.
  if (n === nights - 2) rmSync(join(folder, 'srv/home/ann/photos'), { recursive: true, force: true })
}

function letter(n: number): string {
  return [
    'Dear Sir or Madam,',
    '',
    `it has been ${n} days now.`,
    n > 9 ? 'I have written before.' : '',
    'Yours, Ann',
    '',
  ].join('\n')
}

function notes(n: number): string {
  return Array.from({ length: 3 + n }, (_, i) => `- ${i % 4 === n % 4 ? 'done' : 'to do'}: item ${i}`).join(
    '\n',
  )
}

/** Bytes that no compression makes smaller, the same each time. */
function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let x = seed * 2_654_435_761 + 1
  for (let i = 0; i < length; i++) {
    x = (x * 1_103_515_245 + 12_345) & 0x7fffffff
    bytes[i] = x >> 16
  }
  return bytes
}
