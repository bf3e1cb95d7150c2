import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { reference } from '../../../deploy/dev/generate.ts'
import { parseConfig } from '../../../runtime/config/config.ts'

describe('deploy/reference', () => {
  test('has a sample config that is right', () => {
    const config = parseConfig(readFileSync(join(reference, 'hdsync.yaml'), 'utf8'), 'hdsync.yaml')
    expect(config.warnings).toEqual([])
    expect(Object.keys(config.sources)).toEqual(['var', 'usr'])
  })

  test('has manual pages that say what every key and every command is', () => {
    const page = readFileSync(join(reference, 'hdsync.yaml.5'), 'utf8')
    expect(page).toContain('\\fBsources.NAME.lv\\fR: a logical volume as VG/LV')
    expect(page).toContain('Default: 90d')
    const commands = readFileSync(join(reference, 'hdsync.8'), 'utf8')
    expect(commands).toContain('.SS \\fBtarget adopt\\fR [\\fItarget\\fR]')
    expect(commands).toContain('/usr/share/doc/hdsync/docs')
    expect(commands).toMatch(/130, 143\\fR\nCancelled by a signal\./)
  })
})
