import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { excludedBy } from '../../../../../../runtime/backup/restore/plan/excluded.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { sh } from '../../../host/points/tree.ts'

const files = [
  'a/b/c',
  'a/b/cc',
  'a/x.tmp',
  'b/c',
  'c',
  'cache/one',
  'a/cache/two',
  'a/cachet',
  'deep/a/b/c/d',
  'back[1]',
  'star*',
  'starry',
  'A1',
  'B2/x',
  'u/v/w',
]

const patterns = [
  'c',
  '/c',
  'cache/',
  '/cache/',
  '*.tmp',
  'a/b',
  '/a/b',
  'b/c',
  'a/*/c',
  'a/**/c',
  '**/c',
  'a/**',
  '/a/*',
  'a/***',
  'ca*e',
  'cach?',
  'cache?',
  '[A-C][0-9]',
  '[!a-c]*',
  '[[:upper:]]*/',
  'star\\*',
  'star*',
  'back[[]1]',
  'c/',
  'deep/**/d',
  'u/*/w',
  '*',
  '/*',
  '*/',
]

test.each(patterns)('%s leaves out what rsync leaves out', (pattern) => {
  const folder = temporaryFolder()
  for (const file of files) {
    mkdirSync(join(folder, 'from', dirname(file)), { recursive: true })
    writeFileSync(join(folder, 'from', file), '')
  }
  mkdirSync(join(folder, 'to'))
  sh(`rsync -a '--exclude=${pattern}' from/ to/`, folder)
  const taken = sh('find . -mindepth 1 | sort', join(folder, 'to'))
  const all = sh("find . -mindepth 1 -printf '%y %P\\n'", join(folder, 'from')).split('\n').filter(Boolean)
  const out = excludedBy([pattern])
  const ours = all.flatMap((line) => (out(line.slice(2), line.startsWith('d')) ? [] : `./${line.slice(2)}`))
  expect(ours.sort().join('\n')).toBe(taken.trimEnd().split('\n').sort().join('\n'))
})
