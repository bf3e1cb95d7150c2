import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MirrorWatch } from '../../../../../runtime/cli/points/mirror-watch.ts'
import type { PointReader } from '../../../../../runtime/host/points/entry.ts'
import { mirrorReader } from '../../../../../runtime/host/points/mirror-reader.ts'
import { runner } from '../../host/points/tree.ts'
import { backUp, makeServer, printed } from '../night.ts'
import { hdsync, holdCopies } from '../processes.ts'

async function slowServer() {
  const server = await makeServer('archive: { target: disk }\n')
  await backUp(server)
  writeFileSync(join(server.folder, 'home/file'), 'of the second night')
  return { ...server, ...holdCopies(server) }
}

const archive = `home@${new Date().toLocaleDateString('sv')}`

test('a mirror that a sync writes is waited for, or not read; archives and other mirrors are read at once', async () => {
  const server = await slowServer()
  const run = hdsync(server, 'run', 'home', '-q')
  const refused = async (...words: string[]) => {
    const command = hdsync(server, ...words, '--no-wait')
    const { code, out } = await command.ended
    expect(command.said()).toMatch(/^hdsync: .*run \S+ writes the mirror of home: it was not read/)
    expect(code).toBe(4)
    return out
  }
  await expect.poll(() => hdsync(server, 'ls', 'home', '--no-wait').ended).toMatchObject({ code: 4 })
  expect(await refused('cat', 'home:file')).toBe('')
  expect(await refused('find', 'file', 'home')).toBe('')
  expect(await refused('diff', 'home', '--from', archive)).toBe('')
  const { versions } = JSON.parse(await refused('versions', 'home:file', '--json'))
  expect(versions).toMatchObject([{ sizeBytes: 4 }])
  for (const words of [
    ['ls', 'home', '--at', archive],
    ['ls', 'www'],
  ])
    expect(await hdsync(server, ...words, '--no-wait').ended).toEqual({ code: 0, out: 'file\n' })
  const reads = hdsync(server, 'cat', 'home:file')
  await expect.poll(reads.said).toContain('waits for its end; an archive can be read at once: --at')
  server.letGo()
  expect(await reads.ended).toEqual({ code: 0, out: 'of the second night' })
  expect((await run.ended).code).toBe(0)
})

test('a mirror whose sync was cut off is read, and that is said', async () => {
  const server = await slowServer()
  const run = hdsync(server, 'run', 'home', '-q')
  await expect.poll(() => hdsync(server, 'ls', 'home', '--no-wait').ended).toMatchObject({ code: 4 })
  run.child.kill('SIGKILL')
  await run.ended
  const reads = hdsync(server, 'ls', 'home')
  expect(await reads.ended).toEqual({ code: 0, out: 'file\n' })
  expect(reads.said()).toMatch(/^hdsync: run \S+ was cut off while it wrote the mirror of home: .*\n$/)
})

test('a sync that begins while its mirror is read is told, and the exit code says so', async () => {
  const server = await makeServer()
  await backUp(server)
  const io = printed()
  const watch = new MirrorWatch({ state: join(server.folder, 'state') }, true, io)
  const mirror = mirrorReader(join(server.folder, 'disk/home'), runner)
  const slow: PointReader = {
    ...mirror,
    async *entries() {
      yield* mirror.entries()
      await backUp(server)
    },
  }
  for (const [reader, isBusy] of [
    [mirror, false],
    [slow, true],
  ] as const) {
    await Array.fromAsync(watch.watched('home', reader).entries())
    expect(watch.isBusy).toBe(isBusy)
  }
  expect(io.err).toBe(
    'hdsync: a run has begun to write the mirror of home while it was read: what was told may be half of two nights; ask again\n',
  )
})
