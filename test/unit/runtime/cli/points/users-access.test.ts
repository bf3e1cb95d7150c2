import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { endLine, tarEnd } from '../../../../../runtime/cli/daemon/users/wire.ts'
import { usersAccess } from '../../../../../runtime/cli/points/users-access.ts'
import { OpenFolder } from '../../../../../runtime/host/points/open-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const point = { id: 'home@1', source: 'home', kind: 'mirror', at: '2026-01-01T00:00:00Z', target: 'disk' }

/** The reader of a user whose daemon answers what it is asked about a restore point so. */
async function readerOf(answer: (outgoing: ServerResponse) => void) {
  const folder = temporaryFolder()
  const socket = join(folder, 'users.sock')
  const known = { points: [{ ...point, path: '/disk/home' }], sources: [], absent: {} }
  const http = createServer((incoming, outgoing) => {
    incoming.resume()
    if (incoming.url === '/peer') outgoing.end(JSON.stringify({ folder, name: 'name' }))
    else if (incoming.url === '/points') outgoing.end(JSON.stringify(known))
    else answer(outgoing)
  })
  await new Promise<void>((resolve) => http.listen(socket, resolve))
  onTestFinished(() => void http.close())
  const { points, reader } = await usersAccess(socket, 0)
  return reader(points[0] as (typeof points)[number])
}

const path = Buffer.from('file')
const cutOff = 'the daemon has broken off in the middle of'

test('contents are those of their size', async () => {
  const whole = await readerOf((outgoing) => outgoing.setHeader('content-length', 4).end('file'))
  expect(await text(whole.read(path))).toBe('file')
  const short = await readerOf((outgoing) => outgoing.setHeader('content-length', 8).end('file'))
  await expect(text(short.read(path))).rejects.toThrow(`${cutOff} file`)
  const endless = await readerOf((outgoing) => {
    outgoing.write('fi')
    outgoing.end('le')
  })
  await expect(text(endless.read(path))).rejects.toThrow(`${cutOff} file`)
})

test('a list has an end, and is no list where the connection breaks', async () => {
  const whole = await readerOf((outgoing) => outgoing.end(`${endLine}\n`))
  expect(await Array.fromAsync(whole.entries())).toEqual([])
  const short = await readerOf((outgoing) => outgoing.end())
  await expect(Array.fromAsync(short.entries())).rejects.toThrow(`${cutOff} a list`)
  const broken = await readerOf((outgoing) => outgoing.write('{', () => outgoing.destroy()))
  await expect(Array.fromAsync(broken.entries())).rejects.toThrow(`${cutOff} a list`)
})

/** The members of an archive of two files, and the zeros behind them. */
function twoFiles(): { members: Buffer; zeros: Buffer } {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'home'))
  for (const name of ['one', 'other']) writeFileSync(join(folder, 'home', name), name)
  const names = ['home/one', 'home/other']
  const tar = execFileSync('tar', ['--create', '--format=ustar', `--directory=${folder}`, ...names])
  return { members: tar.subarray(0, 4 * 512), zeros: tar.subarray(4 * 512) }
}

test('a restore is whole with the end of the archive, and not where it is cut between two members', async () => {
  const { members, zeros } = twoFiles()
  const extract = async (answer: (outgoing: ServerResponse) => void) => {
    const to = temporaryFolder()
    using into = OpenFolder.at(to)
    const { unreadable } = await (await readerOf(answer)).extract([Buffer.alloc(0)], into)
    return { said: unreadable.map(({ reason }) => reason), hasOther: existsSync(join(to, 'other')) }
  }
  const whole = Buffer.concat([members, zeros, tarEnd])
  expect(await extract((outgoing) => outgoing.end(whole))).toEqual({ said: [], hasOther: true })
  const reason = expect.arrayContaining([expect.stringContaining(`${cutOff} a restore`)])
  for (const cut of [members.subarray(0, 1024), Buffer.concat([members, zeros])]) {
    const hasOther = cut.length > 1024
    expect(await extract((outgoing) => outgoing.end(cut))).toEqual({ said: reason, hasOther })
    const broken = await extract((outgoing) => outgoing.write(cut, () => outgoing.destroy()))
    expect(broken).toMatchObject({ said: reason })
  }
})
