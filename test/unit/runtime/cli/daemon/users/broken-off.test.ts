import { chmodSync, lchownSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { buffer, json, text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { readersEndAfterMs } from '../../../../../../runtime/backup/engine/when-due.ts'
import { usersHandler } from '../../../../../../runtime/cli/daemon/users/handler.ts'
import { endLine, tarEnd } from '../../../../../../runtime/cli/daemon/users/wire.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import { usersSocketPath } from '../../../../../../runtime/config/socket.ts'
import { backUp, makeServer } from '../../night.ts'

/** More than what lies between a daemon and who reads nothing. */
const largeBytes = 16 * 1024 ** 2
/** More than are sent in one piece when they are listed. */
const files = 1000
const ann = process.getuid?.() || 12_345

/** The socket for users over a mirror with a large file, and a clock that is moved by hand. */
async function make() {
  const server = await makeServer()
  for (const name of ['', 'home']) chmodSync(join(server.folder, name), 0o755)
  writeFileSync(join(server.folder, 'home/large'), Buffer.alloc(largeBytes, 'large'))
  for (let n = 0; n < files; n += 1) writeFileSync(join(server.folder, `home/${n}`), '')
  await backUp(server)
  const config = await loadConfig({ path: server.config, env: {} })
  const state = { held: undefined as string | undefined, isLent: false, now: Date.now() }
  const timers = new Set<{ at: number; call(): void }>()
  const clock = {
    now: () => state.now,
    schedule(delayMs: number, call: () => void) {
      const timer = { at: state.now + delayMs, call }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  function pass(ms: number) {
    for (const until = state.now + ms; state.now < until; ) {
      state.now += 1000
      for (const timer of [...timers]) if (timer.at <= state.now && timers.delete(timer)) timer.call()
    }
  }
  const engine = {
    bus: { heldRun: () => state.held, events: () => [] },
    current: () => undefined,
    isLent: () => state.isLent,
    async lend() {
      state.isLent = true
      return () => {
        state.isLent = false
      }
    },
  }
  const onWarning = (message: string) => expect.fail(message)
  const http = createServer(usersHandler({ engine: engine as never, config, onWarning }, clock))
  const socket = usersSocketPath(config)
  await new Promise<void>((resolve) => http.listen(socket, resolve))
  onTestFinished(() => void http.close())
  /** Asks as a user. */
  const asking = async (uid: number) => {
    const { folder, name } = (await json(await post(socket, '/peer', {}))) as { folder: string; name: string }
    symlinkSync(name, join(folder, name))
    lchownSync(join(folder, name), uid, uid)
    return (route: string, body: object) => post(socket, route, body, name)
  }
  const ask = await asking(ann)
  const { points } = (await json(await ask('/points', {}))) as { points: { id: string; source: string }[] }
  const point = points.find(({ source }) => source === 'home')?.id
  const base64 = (path: string) => Buffer.from(path).toString('base64')
  return {
    state,
    pass,
    contents: (path: string) => ask('/contents', { point, path: base64(path) }),
    entries: () => ask('/entries', { point, under: '' }),
    tar: (path: string) => ask('/tar', { point, paths: [base64(path)], alone: false }),
    /** Begins a restore of the large file as a user, and reads nothing of it. */
    async restoring(uid: number) {
      return (await asking(uid))('/tar', { point, paths: [base64('large')], alone: false })
    },
  }
}

function post(socketPath: string, path: string, body: object, peer?: string) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { ...(peer !== undefined && { 'x-hdsync-peer': peer }) }
    const asked = request({ socketPath, method: 'POST', path, headers, agent: false }, resolve)
    asked.once('error', reject).end(JSON.stringify(body))
  })
}

const lengthOf = async (answer: IncomingMessage) => (await buffer(answer)).length

test('what is read whole says how much it is, or that it has come to its end', async () => {
  const { contents, tar, state } = await make()
  const file = await contents('large')
  expect(file.headers['content-length']).toBe(String(largeBytes))
  expect(await lengthOf(file)).toBe(largeBytes)
  expect((await buffer(await tar('large'))).subarray(-tarEnd.length)).toEqual(tarEnd)
  await expect.poll(() => state.isLent).toBe(false)
  const none = await contents('gone')
  expect(none.statusCode).toBe(422)
  none.resume()
})

test('a list has each entry on a line of its own, then its end', async () => {
  const { entries, state } = await make()
  const lines = (await text(await entries())).split('\n')
  const paths = lines.slice(0, -2).map((line) => atob((JSON.parse(line) as { path: string }).path))
  expect(paths.filter((path) => /^\d+$/.test(path)).toSorted()).toEqual(
    Array.from({ length: files }, (_, n) => String(n)).toSorted(),
  )
  expect(lines.slice(-2)).toEqual([endLine, ''])
  await expect.poll(() => state.isLent).toBe(false)
})

test.each(['contents', 'tar'] as const)('%s end in a broken connection when a run is due', async (kind) => {
  const { state, pass, ...asking } = await make()
  const answer = await asking[kind]('large')
  expect(answer.statusCode).toBe(200)
  state.held = 'run'
  pass(readersEndAfterMs + 2000)
  await expect(lengthOf(answer)).rejects.toThrow('aborted')
  await expect.poll(() => state.isLent).toBe(false)
})

test.each(['contents', 'tar'] as const)('%s end so when nothing is read for a minute', async (kind) => {
  const { state, pass, ...asking } = await make()
  const answer = await asking[kind]('large')
  await expect
    .poll(() => {
      pass(61_000)
      return state.isLent
    })
    .toBe(false)
  await expect(lengthOf(answer)).rejects.toThrow('aborted')
})

test.runIf(process.getuid?.() === 0)(
  'a user restores four times at once, and all of them sixteen times; whoever comes then is told so, until one has ended',
  async () => {
    const { restoring } = await make()
    const begun = async (uid: number) => {
      const answer = await restoring(uid)
      expect(answer.statusCode).toBe(200)
      return answer
    }
    const refused = async (uid: number) => {
      const answer = await restoring(uid)
      expect(answer.statusCode).toBe(429)
      return ((await json(answer)) as { detail: string }).detail
    }
    const users = [1, 2, 3, 4].map((n) => ann + n)
    const going = []
    for (const uid of users) {
      for (let n = 0; n < 4; n += 1) going.push(await begun(uid))
      if (uid !== users.at(-1)) expect(await refused(uid)).toMatch(/^4 of one user are enough at a time/)
    }
    expect(await refused(ann)).toMatch(/^16 users who read are enough at a time/)
    // Who hangs up gives their place to anybody; who reads to the end does too.
    going.shift()?.destroy()
    await expect.poll(async () => (await restoring(ann)).statusCode).toBe(200)
    expect(await lengthOf(going.shift() as IncomingMessage)).toBeGreaterThan(largeBytes)
    await expect.poll(async () => (await restoring(users[0] as number)).statusCode).toBe(200)
    expect(await refused(ann)).toMatch(/^16 users/)
    for (const answer of going) answer.destroy()
  },
)
