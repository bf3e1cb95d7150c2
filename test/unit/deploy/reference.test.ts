import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../runtime/config/config.ts'

const textOf = (name: string) =>
  readFileSync(join(import.meta.dirname, '../../../deploy/reference', name), 'utf8')

describe('deploy/reference', () => {
  test('has a sample config that is right', () => {
    const config = parseConfig(textOf('hdsync.yaml'), 'hdsync.yaml')
    expect(config.warnings).toEqual([])
    expect(Object.keys(config.sources)).toEqual(['var', 'usr'])
  })

  test('has manual pages that say what every key and every command is', () => {
    expect(textOf('hdsync.yaml.5')).toContain('\\fBsources.NAME.lv\\fR: a logical volume as VG/LV')
    expect(textOf('hdsync.yaml.5')).toContain('Default: 90d')
    expect(textOf('hdsync.8')).toContain('.SS \\fBtarget adopt\\fR \\fItarget\\fR')
    expect(textOf('hdsync.8')).toMatch(/130, 143\\fR\nCancelled by a signal\./)
  })
})
