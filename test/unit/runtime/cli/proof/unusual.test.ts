import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../../../runtime/cli/program.ts'
import { weekdayOf } from '../../../../../runtime/weekday.ts'
import { backUp, makeServer, printed, type Server } from '../night.ts'

async function hdsync(server: Server, ...words: string[]) {
  const io = printed()
  const exitCode = await main(['node', 'hdsync', ...words, '--config', server.config], '0.0.0', io)
  return { exitCode, out: io.out, err: io.err }
}

const write = ({ folder }: Server, text: string) => {
  for (let n = 0; n < 160; n += 1) writeFileSync(join(folder, `home/file${n}`), `${text} ${n}\n`)
}

test('a night that rewrites everything is told of, and what is from before it stays until it is released', async () => {
  const server = await makeServer('archive: { target: disk }\n')
  const archive = join(server.folder, 'disk', weekdayOf(Date.now()), 'home.tar.zst')
  const kept = join(server.folder, 'disk/kept')
  const content = (path: string) =>
    execFileSync('tar', ['--zstd', '-xOf', path, 'home/file7'], { encoding: 'utf8' })
  write(server, 'good')
  await backUp(server)
  expect(content(archive)).toBe('good 7\n')
  write(server, 'encrypted')
  const run = await backUp(server)
  const report = JSON.parse((await hdsync(server, 'show', run, '--json')).out)
  const home = report.sources.find(({ source }: { source: string }) => source === 'home')
  expect(home.state).toBe('degraded')
  expect(home.error).toContain('160 files of 162 entries were changed')
  expect(home.error).toContain('hdsync release home')
  const told = JSON.parse(
    `[${(await hdsync(server, 'events', '--type', 'sync.unusual', '--json')).out.trim().split('\n').join(',')}]`,
  )
  expect(told.flat()).toHaveLength(1)
  expect(content(archive)).toBe('encrypted 7\n')
  const [day = ''] = readdirSync(kept)
  expect(content(join(kept, day, 'home.tar.zst'))).toBe('good 7\n')
  expect(readdirSync(join(kept, day))).toEqual(['home.tar.zst'])
  expect(await hdsync(server, 'release', 'home')).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('home: its unusual changes were meant'),
  })
  expect((await hdsync(server, 'release', 'home')).exitCode).toBe(2)
})
