import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lastChecked, noteChecked } from '../../../../../runtime/backup/status/checked.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const now = Date.parse('2026-11-24T02:00:00.000Z')
const good = { id: 'tool.ok', severity: 'ok', about: 'tools', finding: 'rsync 3.5.0', remedy: null }
const bad = { id: 'tool.missing', severity: 'error', about: 'tools', finding: 'no zstd', remedy: 'get it' }
const odd = { id: 'timer.none', severity: 'warning', about: 'schedule', finding: 'none', remedy: null }

test('what was wrong is noted, and read by who works by the same config', () => {
  const state = temporaryFolder()
  const config = { state, file: '/etc/hdsync/hdsync.yaml' }
  expect(lastChecked(config)).toBeUndefined()
  noteChecked(config, [good, bad, odd], now)
  expect(lastChecked(config)).toEqual({
    at: '2026-11-24T02:00:00.000Z',
    config: config.file,
    findings: [bad, odd],
  })
  expect(lastChecked({ state, file: '/tmp/other.yaml' })).toBeUndefined()
  noteChecked(config, [good], now + 1)
  expect(lastChecked(config)?.findings).toEqual([])
  expect(readdirSync(state)).toEqual(['checked.json'])
  expect(statSync(join(state, 'checked.json')).mode & 0o777).toBe(0o600)
})

test.each(['', '{', '{}', '{"at":"x","config":"c","findings":[]}', '[{"findings":[{"id":1}]}]'])(
  'a note that holds %j counts as none',
  (text) => {
    const state = temporaryFolder()
    writeFileSync(join(state, 'checked.json'), text)
    expect(lastChecked({ state, file: 'c' })).toBeUndefined()
  },
)

test('that nothing can be noted is no problem of the check', () => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o500)
  for (const state of [join(folder, 'none'), '/proc/none'])
    expect(() => noteChecked({ state, file: 'c' }, [bad], now)).not.toThrow()
})
