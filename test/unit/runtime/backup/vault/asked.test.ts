import { expect, test } from 'vitest'
import { parseAsked } from '../../../../../runtime/backup/vault/asked.ts'

const sha256 = 'a'.repeat(64)
const archive = { source: 'home', at: '2026-11-22T02:00:00.000Z', form: 'tar.zst', sizeBytes: 9, sha256 }
const rsync = `rsync --server -Ie.LsfxCIvu --timeout=600 --bwlimit=2048 --stats --inplace . ${sha256}`
const good = [
  JSON.stringify({ v: 1, do: 'status' }),
  JSON.stringify({ v: 1, do: 'offer', archive }),
  JSON.stringify({ v: 1, do: 'prove', archive }),
  JSON.stringify({ v: 1, do: 'get', sha256, offset: 7 }),
  JSON.stringify({ v: 2, do: 'session' }),
  rsync,
]

test('what a host of the same version asks for is understood', () => {
  expect(good.map((line) => parseAsked(line).kind)).toEqual([...Array(4).fill('request'), 'session', 'rsync'])
})

test.each([
  [undefined, 'there is no shell here'],
  ['', 'there is no shell here'],
  ['sh', 'no other command'],
  ['bash -c id', 'no other command'],
  ['/usr/bin/rsync --server .', 'no other command'],
  ['scp -t /', 'no other command'],
  ['{', 'no JSON'],
  ['{"v":3,"do":"status"}', 'version 3 of the protocol, this hdsync speaks 2'],
  ['{"v":1,"do":"session"}', 'not understood'],
  ['{"v":2,"do":"session","host":"web2"}', 'not understood'],
  ['{"do":"status"}', 'version unknown'],
  ['{"v":1,"do":"delete"}', 'not understood'],
  [JSON.stringify({ v: 1, do: 'offer', archive: { ...archive, source: '../etc' } }), 'not understood'],
  [JSON.stringify({ v: 1, do: 'offer', archive: { ...archive, source: 'a/b' } }), 'not understood'],
  [JSON.stringify({ v: 1, do: 'offer', archive: { ...archive, sha256: '../x' } }), 'not understood'],
  [JSON.stringify({ v: 1, do: 'offer', archive: { ...archive, path: '/etc' } }), 'not understood'],
  [JSON.stringify({ v: 1, do: 'get', sha256, offset: -1 }), 'not understood'],
  [`{"v":1,"do":"status","x":"${'x'.repeat(5000)}"}`, 'longer than 4096 bytes'],
  [rsync.replace('--server', '--server --sender'), 'without --sender'],
  [rsync.replace('--server ', ''), 'without --sender'],
  [rsync.replace('--server', '--daemon'), 'without --sender'],
  [rsync.replace('--inplace', '--inplace --delete'), 'its own options alone'],
  [rsync.replace('--inplace', '--inplace --log-file=/etc/passwd'), 'its own options alone'],
  [rsync.replace('--inplace', '--inplace --remove-source-files'), 'its own options alone'],
  [rsync.replace('--inplace', '--inplace --copy-dest=/etc'), 'its own options alone'],
  [rsync.replace('--inplace', '--inplace --partial-dir=/etc'), 'its own options alone'],
  [rsync.replace('-Ie.', '-logDtprIe.'), 'its own options alone'],
  [rsync.replace('-Ie.LsfxCIvu', '-e sh'), 'its own options alone'],
  [rsync.replace(sha256, '../../etc/passwd'), 'its own options alone'],
  [rsync.replace(sha256, '/etc/passwd'), 'its own options alone'],
  [rsync.replace(sha256, 'authorized_keys'), 'a name alone that the vault has given'],
  [rsync.replace(` . ${sha256}`, ` . ${sha256} ${sha256}`), 'its own options alone'],
  [`${rsync}; id`, 'its own options alone'],
  [`${rsync}\nid`, 'its own options alone'],
])('%j is refused in words', (command, words) => {
  expect(() => parseAsked(command)).toThrow(words)
})

test('of 20,000 lines that somebody has bent nothing gets through that is not what it was', () => {
  const random = randomOf(20_261_129)
  const pieces = [
    '--delete',
    '--sender',
    '..',
    '/',
    '\0',
    '\n',
    ';',
    '$(id)',
    '`id`',
    '"',
    "'",
    '{',
    '}',
    ' ',
    '-e',
    'é',
    '\\',
  ]
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T
  const taken = new Map<string, number>()
  for (let n = 0; n < 20_000; n += 1) {
    let line = pick(good)
    for (let bends = 1 + Math.floor(random() * 4); bends > 0; bends -= 1) {
      const at = Math.floor(random() * (line.length + 1))
      const cut = random() < 0.5 ? 0 : Math.floor(random() * 8)
      const put = random() < 0.5 ? pick(pieces) : String.fromCharCode(Math.floor(random() * 256))
      line = line.slice(0, at) + (random() < 0.2 ? '' : put) + line.slice(at + cut)
    }
    try {
      const asked = parseAsked(line)
      taken.set(asked.kind, (taken.get(asked.kind) ?? 0) + 1)
      if (asked.kind === 'rsync') {
        expect(line).toMatch(
          /^rsync --server -Ie\.[A-Za-z]{0,32} --timeout=600( --bwlimit=\d{1,12})?( --stats)? --inplace \. [0-9a-f]{64}$/,
        )
        continue
      }
      if (asked.kind === 'session') {
        expect(JSON.parse(line)).toEqual({ v: 2, do: 'session' })
        continue
      }
      const { request } = asked
      if ('archive' in request) {
        expect(request.archive.source).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/)
        expect(request.archive.sha256).toMatch(/^[0-9a-f]{64}$/)
      }
    } catch (error) {
      expect((error as Error).name, line).toBe('TerminalError')
    }
  }
  expect([...taken.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(4000)
})

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
