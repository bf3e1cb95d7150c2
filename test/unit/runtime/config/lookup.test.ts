import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../../../runtime/config/config.ts'
import { checkSources } from '../../../../runtime/config/lookup.ts'
import { hintOf, UsageError } from '../../../../runtime/errors.ts'

const config = parseConfig(
  `sources:
  var: { lv: vg01/lv_var, target: disk }
  home: { path: /home, target: disk }
targets: { disk: { path: /mnt/disk }, other: { path: /mnt/other } }`,
  'hdsync.yaml',
)

function refused(name: string): UsageError {
  try {
    checkSources([name], config)
  } catch (error) {
    if (error instanceof UsageError) return error
  }
  throw new Error(`${name} was not refused`)
}

describe('a source that is not in the config', () => {
  test.each([
    ['hom', 'did you mean `home`?'],
    ['vat', 'did you mean `var`?'],
    ['/home', '/home is source home: name it so'],
    ['/home/ann/', '/home is source home: name it so'],
    ['vg01/lv_var', 'vg01/lv_var is source var: name it so'],
    ['/dev/vg01/lv_var', 'vg01/lv_var is source var: name it so'],
    ['lv_var', 'vg01/lv_var is source var: name it so'],
    ['disk', 'disk is a target; these sources go to it: var, home'],
    ['other', 'other is a target'],
    ['etcetera', 'it has var, home'],
    ['constructor', 'it has var, home'],
    ['', 'it has var, home'],
  ])('%j: %s', (name, hint) => {
    const error = refused(name)
    expect(error.message).toBe(`there is no source ${JSON.stringify(name)} in hdsync.yaml`)
    expect(hintOf(error)).toBe(hint)
  })

  test('those that are there are taken', () =>
    expect(() => checkSources(['home', 'var'], config)).not.toThrow())
})
