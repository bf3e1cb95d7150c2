import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Target } from '../../../../../../runtime/config/config.ts'
import { archiveFile } from '../../../../../../runtime/host/archive/archive-file.ts'
import {
  type CommandRunner,
  createRunner,
  unobserved,
} from '../../../../../../runtime/host/command/command.ts'
import { isInstalled } from '../../../../../../runtime/host/command/packages.ts'
import { chunkSecret } from '../../../../../../runtime/host/copies/sealed/chunk-secret.ts'
import { recipientsIn } from '../../../../../../runtime/host/copies/sealed/recipients.ts'
import { sealArchive } from '../../../../../../runtime/host/copies/sealed/seal.ts'
import { sealedThere, tidySealed } from '../../../../../../runtime/host/copies/sealed/sealed-files.ts'
import { recordSealed, sealedFor } from '../../../../../../runtime/host/copies/sealed/sealed-record.ts'
import { unseal } from '../../../../../../runtime/host/copies/sealed/unseal.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const withAge = test.skipIf(!isInstalled('age'))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

const origin = { source: 'home', at: '2026-11-28T03:12:45.123Z', user: 'hdsync-web1' }

class Box {
  readonly folder = temporaryFolder()
  readonly recipientsFile = this.at('recipients.txt')
  readonly identityFile = this.identity('identity')
  readonly target = { name: 'disk', path: this.at('disk') } as Target
  readonly runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: 'test',
  })

  constructor() {
    mkdirSync(this.at('disk', 'Monday'), { recursive: true })
    mkdirSync(this.at('sealed'))
    this.encryptTo('identity')
  }

  at(...names: string[]): string {
    return join(this.folder, ...names)
  }

  identity(name: string): string {
    execFileSync('age-keygen', ['-o', this.at(name)], { stdio: 'pipe' })
    return this.at(name)
  }

  encryptTo(name: string): void {
    const recipient = execFileSync('age-keygen', ['-y', this.at(name)], { encoding: 'utf8' })
    writeFileSync(this.recipientsFile, `# whose\n${recipient}`, { mode: 0o644 })
  }

  async seal(bytes: Buffer, runner = this.runner, place = 'offsite') {
    const path = this.at('disk', 'Monday', 'home.tar.zst')
    writeFileSync(path, bytes)
    const wanted = { place, archive: sha256(bytes), recipients: recipientsIn(this.recipientsFile) }
    const { file = '' } = (await archiveFile(path)) ?? {}
    const { recipientsFile } = this
    const { archive: digest, recipients } = wanted
    const sealing = {
      place,
      sha256: digest,
      recipients,
      ...origin,
      path,
      file,
      sizeBytes: bytes.length,
      recipientsFile,
    }
    const secret = await chunkSecret(this.at('sealed'))
    const tools = { runner, signal: new AbortController().signal, onProgress() {} }
    const sealed = await sealArchive({ ...sealing, from: this.target, secret }, tools)
    const there = await sealedThere(this.target, wanted)
    expect(there).toEqual(sealed)
    return readFileSync(there?.path ?? '')
  }

  async unseal(bytes: Buffer, identityFile = this.identityFile): Promise<Buffer> {
    const [sealed, to] = [this.at('copy'), this.at('opened')]
    writeFileSync(sealed, bytes)
    rmSync(to, { force: true })
    const head = await unseal({ sealed, to, identityFile }, this.runner)
    const opened = readFileSync(to)
    expect(head).toEqual({ ...origin, sizeBytes: opened.length, sha256: sha256(opened) })
    return opened
  }
}

/** Frames as they come from a compressor, each by itself, and no table of them. */
function archive(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(frames)
}

withAge('an archive comes back as it was, and what was sealed shows nothing of it', async () => {
  const box = new Box()
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('one'),
    randomBytes(3_000_000),
    Buffer.alloc(5_000_000, 'words '),
  ]) {
    const sealed = await box.seal(bytes)
    expect(sealed.includes('words')).toBe(false)
    expect(sealed.length - bytes.length).toBeLessThan(1000 + bytes.length / 100)
    expect((await box.unseal(sealed)).equals(bytes)).toBe(true)
    tidySealed(box.target, () => false)
  }
  expect(readdirSync(box.at('disk'))).toEqual(['Monday'])
})

withAge('what has not changed is the same bytes, whatever was put in before it', async () => {
  const box = new Box()
  const parts = Array.from({ length: 40 }, () => randomBytes(60_000))
  const first = await box.seal(archive(parts))
  const second = await box.seal(
    archive([randomBytes(777), ...parts.slice(0, 10), randomBytes(50_000), ...parts.slice(11)]),
  )
  // Looked at by samples: some 600 of them.
  const every = 4096
  let same = 0
  for (let at = 0; at + 64 <= second.length; at += every)
    if (first.includes(second.subarray(at, at + 64))) same += every
  expect(same / first.length).toBeGreaterThan(0.5)
})

withAge('only an identity of a recipient opens it, and another one is told of', async () => {
  const box = new Box()
  const sealed = await box.seal(randomBytes(100_000))
  await expect(box.unseal(sealed, box.identity('other'))).rejects.toThrow(
    /other is not an identity that it was encrypted to/,
  )
  await expect(box.unseal(sealed, box.at('none'))).rejects.toThrow(
    /age does not open it with .*none: .*no such file/,
  )
  box.encryptTo('other')
  const anew = await box.seal(randomBytes(1000))
  await expect(box.unseal(anew)).rejects.toThrow(/identity is not an identity/)
  expect(await box.unseal(anew, box.at('other'))).toHaveLength(1000)
})

withAge('whatever was done to a copy, it is refused', async () => {
  const box = new Box()
  const bytes = randomBytes(2_000_000)
  const sealed = await box.seal(bytes)
  const other = await box.seal(randomBytes(2_000_000))
  const listAt = 16 + bytes.length
  const flipped = (at: number) => {
    const copy = Buffer.from(sealed)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  const part = (from: number, to?: number) => sealed.subarray(from, to)
  const hostile: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ...[0, 16, 5000, listAt - 1, listAt, listAt + 50, sealed.length - 18, sealed.length - 1].map(
      (at) => [`a bit of byte ${at}`, flipped(at)] as [string, Buffer],
    ),
    ...[10, 33, 1000, listAt, listAt + 300, sealed.length - 1].map(
      (at) => [`cut off at ${at}`, part(0, at)] as [string, Buffer],
    ),
    [
      'chunks swapped',
      Buffer.concat([part(0, 16), part(1_000_016, listAt), part(16, 1_000_016), part(listAt)]),
    ],
    ['a part dropped', Buffer.concat([part(0, 500_000), part(600_000)])],
    ['a part twice', Buffer.concat([part(0, 500_000), part(400_000)])],
    ['a part of another', Buffer.concat([part(0, 500_000), other.subarray(500_000, 600_000), part(600_000)])],
    ['the list of another', Buffer.concat([part(0, listAt), other.subarray(listAt)])],
    ['more after it', Buffer.concat([sealed, Buffer.from('more')])],
    ['a list of length 0', Buffer.concat([part(0, listAt), Buffer.from('               0\n')])],
    ['a list of any length', Buffer.concat([part(0, listAt), Buffer.from('9999999999999999\n')])],
    ['no list at all', Buffer.concat([part(0, listAt), Buffer.from('no list, 17 bytes')])],
  ]
  for (const [what, copy] of hostile)
    await expect(box.unseal(copy), what).rejects.toThrow(
      /age does not open|not an identity|not an encrypted copy|not what was encrypted/,
    )
  expect((await box.unseal(sealed)).equals(bytes)).toBe(true)
})

withAge('a copy in another version of the format is refused in words', async () => {
  const box = new Box()
  const sealed = await box.seal(Buffer.from('one'))
  await expect(
    box.unseal(Buffer.concat([Buffer.from('hdsync-sealed 1\n'), sealed.subarray(16)])),
  ).rejects.toThrow(/is in version 1 of the format, and this hdsync reads version 2 alone/)
})

withAge('who could read once has no keys of what is encrypted to others later', async () => {
  const box = new Box()
  const bytes = randomBytes(200_000)
  const first = await box.seal(bytes)
  expect(await box.seal(bytes)).toEqual(first)
  box.identity('other')
  box.encryptTo('other')
  const anew = await box.seal(bytes)
  expect(anew.includes(first.subarray(16, 80))).toBe(false)
  expect((await box.unseal(anew, box.at('other'))).equals(bytes)).toBe(true)
})

withAge('what has rotted before it was sent is encrypted again', async () => {
  const box = new Box()
  const bytes = randomBytes(200_000)
  await box.seal(bytes)
  const [name = ''] = readdirSync(box.at('disk', '.hdsync-sealed'))
  const file = box.at('disk', '.hdsync-sealed', name)
  const rotten = readFileSync(file)
  rotten[100] = (rotten[100] ?? 0) ^ 1
  writeFileSync(file, rotten)
  expect((await box.unseal(await box.seal(bytes))).equals(bytes)).toBe(true)
})

withAge('what cannot be encrypted leaves nothing behind', async () => {
  const box = new Box()
  writeFileSync(box.recipientsFile, 'age1qqqqqqqq\n')
  await expect(box.seal(randomBytes(5_000_000))).rejects.toThrow(/age does not encrypt/)
  expect(readdirSync(box.at('disk', '.hdsync-sealed'))).toEqual([])
})

test.skipIf(!isInstalled('age') || process.geteuid?.() !== 0)(
  'a target that fills up is told of, and gets its room back',
  async () => {
    const box = new Box()
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'none', box.at('disk')])
    if (mounted.status !== 0) return
    try {
      mkdirSync(box.at('disk', 'Monday'))
      const filled: CommandRunner = {
        run: box.runner.run,
        open(command) {
          spawnSync('dd', ['if=/dev/zero', `of=${box.at('disk', 'full')}`, 'bs=64k'])
          return box.runner.open(command)
        },
      }
      await expect(box.seal(randomBytes(2_000_000), filled)).rejects.toThrow(
        /target disk is full: \S+home.tar.zst does not fit into \S+disk\/.hdsync-sealed/,
      )
      expect(readdirSync(box.at('disk', '.hdsync-sealed'))).toEqual([])
    } finally {
      execFileSync('umount', [box.at('disk')])
    }
  },
)

test('a record that cannot be read is not taken for an empty one', () => {
  const state = temporaryFolder()
  const entry = { sha256: 'a', sizeBytes: 1, of: 'b', recipients: 'c' }
  expect(sealedFor(state, 'offsite')).toEqual([])
  recordSealed(state, 'offsite', [entry])
  expect(sealedFor(state, 'offsite')).toEqual([entry])
  writeFileSync(join(state, 'sealed', 'offsite.json'), '[{"sha2')
  expect(sealedFor(state, 'offsite')).toEqual([])
  rmSync(join(state, 'sealed', 'offsite.json'))
  mkdirSync(join(state, 'sealed', 'offsite.json'))
  expect(() => sealedFor(state, 'offsite')).toThrow(/the record of encrypted copies cannot be read: EISDIR/)
})

withAge('an archive that is not what was written is not sealed', async () => {
  const box = new Box()
  const seal = box.seal(Buffer.from('one'))
  writeFileSync(box.at('disk', 'Monday', 'home.tar.zst'), 'two')
  await expect(seal).rejects.toThrow(/another archive by now|is not what was written/)
})

withAge(
  'recipients that others can write, that are none, or that could read copies, are refused',
  async () => {
    const box = new Box()
    chmodSync(box.recipientsFile, 0o666)
    expect(() => recipientsIn(box.recipientsFile)).toThrow(/others can write/)
    chmodSync(box.recipientsFile, 0o644)
    writeFileSync(box.recipientsFile, readFileSync(box.identityFile))
    expect(() => recipientsIn(box.recipientsFile)).toThrow(/has an identity in it/)
    writeFileSync(box.recipientsFile, 'nobody\n')
    expect(() => recipientsIn(box.recipientsFile)).toThrow(/"nobody" is no recipient/)
    writeFileSync(box.recipientsFile, '# nobody\n')
    expect(() => recipientsIn(box.recipientsFile)).toThrow(/has no recipients/)
    expect(() => recipientsIn(box.at('none'))).toThrow(/cannot be read/)
    writeFileSync(box.recipientsFile, 'age1qqqqqqqq\n')
    await expect(box.seal(Buffer.from('one'))).rejects.toThrow(/age does not encrypt to .*recipients.txt: /)
  },
)
