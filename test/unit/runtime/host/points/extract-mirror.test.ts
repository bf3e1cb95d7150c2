import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { extractMirror } from '../../../../../runtime/host/points/extract-mirror.ts'
import { OpenFolder } from '../../../../../runtime/host/points/open-folder.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'
import { isRoot, makeTree, portrait, sh } from './tree.ts'

/** Extracts paths of a tree into a new folder, and tells the options of each rsync. */
async function extracted(tree: string, paths: readonly string[]) {
  const out = temporaryFolder()
  const { runner, recorded } = recordingRunner()
  using into = OpenFolder.at(out)
  const { unreadable } = await extractMirror(
    tree,
    paths.map((path) => Buffer.from(path)),
    into,
    {},
    runner,
  )
  const copies = recorded.flatMap(({ argv }) => (argv[0] === 'rsync' ? [argv] : []))
  return { out, unreadable, copies }
}

test('a mirror without holes is copied by one rsync that looks for none', async () => {
  const tree = temporaryFolder()
  writeFileSync(join(tree, 'large'), Buffer.alloc(300_000, 1))
  writeFileSync(join(tree, 'small'), '')
  const { copies, out } = await extracted(tree, [''])
  expect(copies).toHaveLength(1)
  expect(copies[0]).not.toContain('--sparse')
  expect(statSync(join(out, 'large')).size).toBe(300_000)
})

test('files with holes keep them and all else that they have, beside whole ones', async () => {
  const tree = temporaryFolder()
  makeTree(tree)
  sh('ln sparse a/further; cp -a sparse a/deep/own; setfattr -n user.x -v y a/deep/own || true', tree)
  writeFileSync(join(tree, 'large'), Buffer.alloc(300_000, 1))
  const { copies, out, unreadable } = await extracted(tree, [''])
  expect(unreadable).toEqual([])
  expect(copies.map((argv) => argv.includes('--sparse'))).toEqual([true, false])
  expect(portrait(out)).toBe(portrait(tree))
  expect(statSync(join(out, 'a/further')).ino).toBe(statSync(join(out, 'sparse')).ino)
  expect(statSync(join(out, 'a/deep/own')).blocks).toBeLessThan(100)
})

test('of parts, files with holes are found by name and in folders, however many are asked for', async () => {
  const tree = temporaryFolder()
  makeTree(tree)
  sh('cp -a sparse a/deep/own', tree)
  for (let n = 0; n < 10; n += 1) mkdirSync(join(tree, `folder${n}`))
  const folders = Array.from({ length: 10 }, (_, n) => `folder${n}`)
  for (const paths of [
    ['sparse', 'a'],
    ['sparse', 'a', ...folders],
  ]) {
    const { out, unreadable } = await extracted(tree, paths)
    expect(unreadable).toEqual([])
    expect(statSync(join(out, 'sparse')).blocks).toBeLessThan(100)
    expect(statSync(join(out, 'a/deep/own')).blocks).toBeLessThan(100)
    expect(sh('ls', out).split('\n').filter(Boolean)).toEqual(paths.toSorted())
  }
})

/** A runner, of whose rsyncs the first few may not give files away. */
function withoutChown(fails: number): CommandRunner {
  const { runner } = recordingRunner()
  let left = fails
  return {
    ...runner,
    run: runner.run.bind(runner),
    open(command) {
      if (command.argv[0] !== 'rsync' || left === 0) return runner.open(command)
      left -= 1
      return runner.open({ ...command, argv: ['setpriv', '--bounding-set', '-chown', ...command.argv] })
    },
  }
}

test.runIf(isRoot).each([
  ['is told of where it fails again', 2, 0, 1],
  ['is set by the second attempt where that can', 1, 7033, 0],
])('an owner of a file with holes that could not be set %s', async (_, fails, uid, complaints) => {
  const tree = temporaryFolder()
  sh('truncate -s 1M sparse; chown 7033 sparse; printf x > whole', tree)
  const out = temporaryFolder()
  using into = OpenFolder.at(out)
  const { unreadable } = await extractMirror(tree, [Buffer.alloc(0)], into, {}, withoutChown(fails))
  expect(unreadable).toHaveLength(complaints)
  for (const { reason } of unreadable) expect(reason).toContain('chown')
  expect(statSync(join(out, 'sparse'))).toMatchObject({ uid, blocks: 0, size: 1024 ** 2 })
})
