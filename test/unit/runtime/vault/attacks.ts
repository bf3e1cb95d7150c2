import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'vitest'
import { parseAsked } from '../../../../runtime/backup/vault/asked.ts'
import { receiveCommand } from '../../../../runtime/cli/commands/receive.ts'
import { rsyncOptions } from '../../../../runtime/vault-protocol.ts'
import { printed } from '../cli/night.ts'
import { archiveOf, type Loopback, makeLoopback, sendWhole } from './loopback.ts'

/** What was asked for, and how many times of each. */
export interface Tally {
  /** Through a real ssh, sessions of one connection: modified clients, and lines that an rsync is let in for, with garbage in place of its protocol. */
  ssh: number
  /** Through `hdsync receive` in this process, with the environment that sshd gives it. */
  inProcess: number
  accepted: number
}

/**
 * Attacks a vault with the key of a host, in ways that a seed tells. Afterwards what the vault had before is as it was, to the byte,
 * every copy is what its record says, and nothing of another host was given away.
 * @param tries How many.
 * @param overSsh One of so many goes through ssh.
 */
export async function attack(tries: number, seed: number, overSsh: number): Promise<Tally> {
  const random = randomOf(seed)
  const there = await makeLoopback({
    hosts: '{ web1: { quota: 8M }, web2: { mayGet: true } }',
    // By far the most of an attack over ssh would be its connection.
    shared: true,
  })
  const { folder, vault } = there
  const bytesOf = (length: number) => Buffer.from(Array.from({ length }, () => random.below(256)))
  const mine = []
  for (const [n, source] of ['home', 'home', 'var'].entries()) {
    const archive = archiveOf(folder, bytesOf(20_000 + n), { source, at: `2026-11-2${n}T02:00:00.000Z` })
    await sendWhole(there, archive)
    mine.push(archive.archive)
  }
  const secret = archiveOf(folder, bytesOf(5000), { source: 'secret' })
  expect(await there.hdsync('vault', 'add-host', 'web2', '--user', 'root')).toMatchObject({ code: 0 })
  await ask('web2', { v: 1, do: 'offer', archive: secret.archive })
  writeFileSync(join(vault, 'web2/incoming', secret.archive.sha256), readFileSync(secret.file))
  expect((await ask('web2', { v: 1, do: 'prove', archive: secret.archive })).code).toBe(0)
  const before = [...filesIn(vault, 'web1'), ...filesIn(vault, 'web2')]
  expect(before).toHaveLength(4)
  const others = readFileSync(join(vault, 'web2/record.jsonl'), 'utf8')

  const tally: Tally = { ssh: 0, inProcess: 0, accepted: 0 }
  const known = [...mine, secret.archive]
  let offered = archiveOf(folder, bytesOf(3000))
  for (let n = 0; n < tries; n += 1) {
    if (random.below(20) === 0)
      offered = archiveOf(folder, bytesOf(random.below(6000)), {
        source: random.of(['home', 'var', `new${random.below(9)}`]),
      })
    const name = random.of([offered.archive.sha256, ...known.map(({ sha256 }) => sha256)])
    const kind =
      random.below(overSsh) === 0
        ? 'client'
        : random.of(['request', 'request', 'session', 'line', 'tamper'] as const)
    if (kind === 'client') {
      await client(name)
      tally.ssh += 1
    } else if (kind === 'tamper') {
      tamper(name)
      await inProcess(JSON.stringify({ v: 1, do: random.of(['offer', 'prove']), archive: offered.archive }))
    } else if (kind === 'line') {
      const line = rsyncLine(name)
      if (!isLetIn(line)) await inProcess(line)
      else {
        await there.ssh(line, bytesOf(200).toString('latin1'))
        tally.ssh += 1
      }
    } else if (kind === 'session') {
      const lines = Array.from({ length: random.below(6) }, () => {
        const line = JSON.stringify({ ...request(), v: random.of([1, 2, 2, 2]) })
        return random.below(2) === 0 ? line : random.below(4) === 0 ? rsyncLine(name) : spoilt(line)
      })
      await inSession(lines.join(random.of(['\n', '\n', '\r\n'])) + random.of(['\n', '\n', '']))
    } else await inProcess(spoilt(JSON.stringify(request())))
  }

  // What was there is there, in the same files with the same bytes; and nothing is there that was not proved.
  const after = new Map([...filesIn(vault, 'web1'), ...filesIn(vault, 'web2')].map((one) => [one.file, one]))
  for (const one of before) expect(after.get(one.file)).toEqual(one)
  for (const { file, sha256 } of after.values()) expect(file).toContain(sha256.slice(0, 16))
  expect(readFileSync(join(vault, 'web2/record.jsonl'), 'utf8')).toBe(others)
  const status = await ask('web1', { v: 1, do: 'status' })
  expect(JSON.parse(status.out).usedBytes).toBeLessThanOrEqual(8 * 1024 ** 2)
  tally.accepted = after.size - before.length
  // It still works for whom it is for.
  await sendWhole(there, archiveOf(folder, bytesOf(1000), { source: 'fresh' }))
  return tally

  async function ask(host: string, what: object) {
    return receive(there, host, JSON.stringify(what))
  }

  async function inProcess(line: string): Promise<void> {
    tally.inProcess += 1
    const { code, out, err, bytes } = await receive(there, 'web1', line)
    expect(code === 0 || err.startsWith('hdsync: '), `${line}\n${err}`).toBe(true)
    expect(err).not.toContain('this should not have happened')
    expect(out).not.toContain('"host":"web2"')
    expect(bytes).toHaveLength(0)
  }

  /** What comes line by line is answered line by line, and never with bytes. */
  async function inSession(input: string): Promise<void> {
    tally.inProcess += 1
    const { code, out, err, bytes } = await receive(there, 'web1', '{"v":2,"do":"session"}', input)
    expect(code === 0 || err.startsWith('hdsync: '), `${input}\n${err}`).toBe(true)
    expect(out + err).not.toContain('this should not have happened')
    expect(out).not.toContain('"host":"web2"')
    for (const line of out.split('\n').slice(0, -1))
      expect(JSON.parse(line)).toMatchObject({ v: expect.toBeOneOf([1, 2]), ok: expect.any(Boolean) })
    expect(out.split('\n').length).toBeLessThanOrEqual(input.split('\n').length)
    expect(bytes).toHaveLength(0)
  }

  function request(): object {
    const archive = random.of([offered.archive, ...known])
    return random.of<() => object>([
      () => ({ v: 1, do: 'status' }),
      () => ({ v: 2, do: 'status', known: archive.sha256 }),
      () => ({ v: 1, do: 'offer', archive }),
      () => ({ v: 1, do: 'prove', archive }),
      () => ({ v: 1, do: 'get', sha256: archive.sha256, offset: random.below(100) }),
    ])()
  }

  /** A request with something else in one place, or with another byte. */
  function spoilt(line: string): string {
    const value = JSON.parse(line)
    const inner = value.archive !== undefined && random.below(3) > 0 ? { ...value.archive } : value
    if (inner !== value) value.archive = inner
    const key = random.of(Object.keys(inner))
    switch (random.below(6)) {
      case 0:
        return line
      case 1:
        inner[key] = random.of(evil)
        return JSON.stringify(value)
      case 2:
        inner[random.of(['host', 'path', '__proto__', 'file', 'provedAt', 'damaged'])] = random.of(evil)
        return JSON.stringify(value)
      case 3:
        delete inner[key]
        return JSON.stringify(value)
      case 4:
        return line.slice(0, random.below(line.length))
      default: {
        const at = random.below(line.length)
        return `${line.slice(0, at)}${String.fromCharCode(random.below(256))}${line.slice(at + 1)}`
      }
    }
  }

  function rsyncLine(name: string): string {
    const words = ['rsync', '--server', '-Ie.LsfxCIvu', '--timeout=600', '--inplace', '.', name]
    for (let n = random.below(3); n > 0; n -= 1)
      words.splice(1 + random.below(words.length), 0, random.of(options))
    if (random.below(3) === 0) words[words.length - 1] = random.of(paths(name))
    const line = words.join(random.below(9) === 0 ? '  ' : ' ')
    return random.below(9) === 0 ? `${line}${random.of(['\n', ';id', ' ', '\0', '&&id', '`id`'])}` : line
  }

  /** What a host's user can put into `incoming` by whatever means. */
  function tamper(name: string): void {
    const incoming = join(vault, 'web1/incoming')
    const at = join(incoming, name)
    const target = random.of([before[0]?.file ?? '', before[3]?.file ?? '', '/etc/passwd'])
    spawnSync('rm', ['-rf', at])
    random.of<() => unknown>([
      () => symlinkSync(target, at),
      () => mkdirSync(join(at, 'deep/er'), { recursive: true }),
      () => spawnSync('mkfifo', [at]),
      () => spawnSync('mknod', [at, 'c', '1', '5']),
      () => spawnSync('truncate', ['--size=1G', at]),
      () => writeFileSync(at, readFileSync(offered.file)),
      () => writeFileSync(at, bytesOf(offered.archive.sizeBytes)),
      () => symlinkSync(join(vault, 'web2/accepted'), join(incoming, `link-${random.below(1000)}`)),
    ])()
  }

  /** The real client, with options that it should not have. */
  async function client(name: string): Promise<void> {
    const file = random.of([offered.file, secret.file, join(folder, 'client')])
    const target = `127.0.0.1:${random.below(3) === 0 ? random.of(paths(name)) : name}`
    const more = Array.from({ length: random.below(3) }, () => random.of(options))
    const argv = random.below(5) === 0 ? ['-a', ...more] : [...rsyncOptions, ...more]
    const ends = random.below(6) === 0 ? [target, join(folder, 'got')] : [file, target]
    const child = spawn('rsync', [...argv, '-e', there.shell, ...ends], { stdio: 'ignore' })
    await new Promise((resolve) => child.once('close', resolve))
    spawnSync('rm', ['-rf', join(folder, 'got')])
  }

  function paths(name: string): string[] {
    const standing = before[0]?.file ?? ''
    return [
      '.',
      '..',
      '/',
      '/etc/cron.d/x',
      `../accepted/home/${standing.split('/').at(-1)}`,
      standing,
      '../record.jsonl',
      '../../web2/incoming/x',
      `${name}/`,
      '-e',
      '*',
    ]
  }
}

const options = [
  ...[
    '--delete',
    '--delete-before',
    '--remove-source-files',
    '--sender',
    '--daemon',
    '--config=/tmp/x',
    '--append',
  ],
  ...[
    '--backup',
    '--backup-dir=..',
    '--copy-dest=/etc',
    '--link-dest=..',
    '--compare-dest=..',
    '--partial-dir=..',
  ],
  ...[
    '--temp-dir=/tmp',
    '--log-file=/tmp/hdsync-attack',
    '-r',
    '-l',
    '-D',
    '--devices',
    '--specials',
    '-K',
    '-s',
    '-z',
  ],
  ...[
    '--write-devices',
    '--fake-super',
    '--chown=0:0',
    '--chmod=u+s',
    '--files-from=-',
    '--rsync-path=id',
    '-M--delete',
  ],
  ...[
    '--bwlimit=99999999999999999',
    '--timeout=0',
    '--stats',
    '--no-inplace',
    '--sparse',
    '--preallocate',
    '--mkpath',
  ],
]

const evil: unknown[] = [
  ...[
    '',
    '..',
    '../web2',
    '/etc/passwd',
    'a/b',
    'secret',
    'web2',
    '$(id)',
    '__proto__',
    'x'.repeat(5000),
    '\u0000',
  ],
  ...['1999-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', 'tar', '0'.repeat(64), 'F'.repeat(64)],
  ...[null, true, -1, 0, 0.5, 2 ** 50, 2 ** 53, 1e308, [], {}, [[]], { archive: {} }],
]

function isLetIn(line: string): boolean {
  try {
    return parseAsked(line).kind === 'rsync'
  } catch {
    return false
  }
}

async function receive({ config }: Loopback, host: string, line: string, input = '') {
  const io = printed()
  const stream = new PassThrough()
  const bytes = buffer(stream)
  const env = { SSH_ORIGINAL_COMMAND: line }
  const code = await receiveCommand(
    host,
    { config },
    {
      ...io,
      env,
      bytes: () => stream,
      input: () => Readable.from([Buffer.from(input)]),
    },
  )
  stream.end()
  return { code, out: io.out, err: io.err, bytes: await bytes }
}

function filesIn(vault: string, host: string) {
  const folder = join(vault, host, 'accepted')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => !lstatSync(file).isDirectory())
    .map((file) => {
      const { ino, mtimeMs, size, mode } = lstatSync(file)
      return {
        ...{ file, ino, mtimeMs, size },
        isClosed: (mode & 0o222) === 0,
        sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
      }
    })
}

function randomOf(seed: number) {
  let state = seed
  const below = (most: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * most)
  }
  return {
    below,
    of: <T>(values: readonly T[]): T => values[below(values.length)] as T,
  }
}
