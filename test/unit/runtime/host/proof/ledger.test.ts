import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  damagedFiles,
  forgetLedger,
  noteDamage,
  noteGood,
  proofFolder,
  readLedger,
} from '../../../../../runtime/host/proof/ledger.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const proof = (file: string) => ({ file, sizeBytes: 5, sha256: 'abc', provenAt: '2026-11-29T12:00:00.000Z' })

test('a ledger keeps what is good and what is damaged, of files that stand, for its owner alone', () => {
  const disk = temporaryFolder()
  expect(readLedger(disk, 'var')).toEqual({ archives: [] })
  noteGood(disk, 'var', proof('1 1'), ['1 1'])
  noteGood(disk, 'var', proof('2 2'), ['1 1', '2 2'])
  noteDamage(disk, 'var', '1 1', { at: '2026-11-29T13:00:00.000Z', reason: 'rotten' })
  expect([...damagedFiles(readLedger(disk, 'var'))]).toEqual(['1 1'])
  noteGood(disk, 'var', proof('3 3'), ['2 2', '3 3'])
  expect(readLedger(disk, 'var').archives.map(({ file }) => file)).toEqual(['2 2', '3 3'])
  expect(statSync(join(disk, proofFolder)).mode & 0o777).toBe(0o700)
  forgetLedger(disk, 'var')
  forgetLedger(disk, 'var')
  expect(readLedger(disk, 'var')).toEqual({ archives: [] })
})

test('what somebody has put in its place is passed over, and no link is followed', () => {
  const disk = temporaryFolder()
  const other = join(disk, 'other.json')
  writeFileSync(other, JSON.stringify({ version: 1, archives: [proof('1 1')] }))
  mkdirSync(join(disk, proofFolder), { mode: 0o700 })
  symlinkSync(other, join(disk, proofFolder, 'var.json'))
  expect(readLedger(disk, 'var')).toEqual({ archives: [] })
  noteGood(disk, 'var', proof('2 2'), ['2 2'])
  expect(JSON.parse(readFileSync(other, 'utf8')).archives).toEqual([proof('1 1')])
  for (const text of [
    '',
    '{',
    '{"version":1,"archives":[{"file":1}, null]}',
    '{"version":2,"archives":[]}',
  ]) {
    writeFileSync(join(disk, proofFolder, 'home.json'), text)
    expect(readLedger(disk, 'home')).toEqual({ archives: [] })
  }
})
