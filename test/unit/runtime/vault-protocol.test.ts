import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listAnswer, rsyncOptions, rsyncServed, statusAnswer } from '../../../runtime/vault-protocol.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** Has rsync send a file as a host does. @returns What it asked the other end for, and how many bytes it sent. */
function sent(folder: string, ...more: string[]): { line: string; bytes: number } {
  const shell = join(folder, 'shell')
  writeFileSync(
    shell,
    `#!/bin/sh\nshift\necho "$*" > ${folder}/line\ncd ${folder}/incoming\nexec "$@" --copy-dest=${folder}/base\n`,
  )
  chmodSync(shell, 0o700)
  const argv = [...rsyncOptions, '--stats', ...more, '-e', shell, join(folder, 'new'), 'vault:home.part']
  const out = execFileSync('rsync', argv, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
  const bytes = Number(/^Total bytes sent: ([\d,]+)$/m.exec(out)?.[1]?.replaceAll(',', ''))
  return { line: readFileSync(join(folder, 'line'), 'utf8').trim(), bytes }
}

test('the vault serves what the rsync of a host asks for, with arguments of its own', () => {
  const folder = temporaryFolder()
  for (const name of ['incoming', 'base']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'new'), 'new')
  for (const more of [[], ['--bwlimit=2m'], ['--bwlimit=2m', '--info=progress2']]) {
    const served = rsyncServed(sent(folder, ...more).line, '/base')
    expect(served?.name).toBe('home.part')
    expect(served?.argv.slice(0, 2)).toEqual(['rsync', '--server'])
    expect(served?.argv.join(' ')).not.toContain('bwlimit')
  }
})

test('the vault chooses how finely is compared: a small change in a large archive has little sent', () => {
  const blockIn = (basisBytes: number) => {
    const line = 'rsync --server -Ie.LsfxCIvu --timeout=600 --stats --inplace . home.part'
    const words = rsyncServed(line, '/base', basisBytes)?.argv ?? []
    return Number(/--block-size=(\d+)/.exec(words.join(' '))?.[1])
  }
  expect([0, 10_000, 32e6, 2e9, 100e9, 2 ** 50].map(blockIn)).toEqual([
    1400, 1400, 1400, 3726, 26_352, 131_072,
  ])
})

test('anything else that is asked of it is refused', () => {
  const good = 'rsync --server -Ie.LsfxCIvu --timeout=600 --stats --inplace . home.part'
  expect(rsyncServed(good, '/base')).toBeDefined()
  for (const line of [
    good.replace('home.part', '../home.part'),
    good.replace('home.part', '.home.part'),
    good.replace('home.part', 'a/b'),
    `${good} other`,
    `${good}\n`,
    `${good}; id`,
    good.replace('--server', '--server --sender'),
    good.replace('--stats', '--delete'),
    good.replace('-Ie', '-rIe'),
    good.replace('--inplace', '--inplace --log-file=x'),
    good.replace('600', '0'),
  ])
    expect(rsyncServed(line, '/base'), line).toBeUndefined()
})

test('what is inserted into an archive does not have the rest of it sent', () => {
  const folder = temporaryFolder()
  for (const name of ['incoming', 'base']) mkdirSync(join(folder, name))
  const old = randomBytes(8_000_000)
  const news = Buffer.concat([old.subarray(0, 1_000_000), randomBytes(1000), old.subarray(1_000_000)])
  writeFileSync(join(folder, 'new'), news)
  writeFileSync(join(folder, 'base', 'home.part'), old)
  expect(sent(folder).bytes).toBeLessThan(100_000)
  expect(readFileSync(join(folder, 'incoming', 'home.part')).equals(news)).toBe(true)
  expect(readFileSync(join(folder, 'base', 'home.part')).equals(old)).toBe(true)
})

test('of an answer that lists millions of things one mistake is told, and not one of each', () => {
  const things = Array.from({ length: 1_000_000 }, () => 0)
  const answer = { v: 1, ok: true, now: '2026-11-30T03:00:00.000Z' }
  for (const [schema, said] of [
    [listAnswer, { ...answer, archives: things }],
    [
      statusAnswer,
      {
        ...{ ...answer, host: 'web1', usedBytes: 0, quotaBytes: null, freeBytes: 0, mayGet: false },
        copies: things,
      },
    ],
  ] as const)
    expect(schema.safeParse(said).error?.issues).toHaveLength(1)
})
