import { describe, expect, test } from 'vitest'
import { type OwnSettings, parseConfig } from '../../../../../runtime/config/config.ts'
import { flawsOf, merged, ownSettings, pushRequest } from '../../../../../runtime/config/pushed/merge.ts'
import { pushableKeys } from '../../../../../runtime/config/pushed/rules.ts'
import { own, setOf } from './own.ts'

const settings = ownSettings(own)

/** For each key that can be set: something safer than the config says, the same, something less safe. */
const values: [key: string, safer: string, same: string, worse: string, read: (s: OwnSettings) => unknown][] =
  [
    ['sources.home.maxDelete', '20%', '50%', '51%', ({ sources }) => sources.home?.maxDelete],
    ['sources.var.maxDelete', '10', '1000', '1001', ({ sources }) => sources.var?.maxDelete],
    ['keep', '120d', '90d', '89d', ({ keep }) => keep],
    ['alert.after', '12h', '36h', '37h', ({ alert }) => alert.after],
    ['verify.every', '2h', '1d', '2d', ({ verify }) => verify?.every],
    ['drill.every', '1d', '1w', '8d', ({ drill }) => drill?.every],
    ['archive.daily', '14', '10', '9', ({ archive }) => archive?.daily],
    ['archive.keep.weekly', '6', '5', '4', ({ archive }) => archive?.keep?.weekly],
    ['archive.keep.monthly', '13', '12', '0', ({ archive }) => archive?.keep?.monthly],
    ['archive.keep.yearly', '4', '3', '2', ({ archive }) => archive?.keep?.yearly],
    ['archive.keep.atLeast', '4', '3', '1', ({ archive }) => archive?.keep?.atLeast],
  ]

test('each key that can be set is tried here', () => {
  const tried = new Set(values.map(([key]) => key.replace(/\.(home|var)\./, '.NAME.')))
  expect(new Set([...tried, 'maxDelete'])).toEqual(new Set(pushableKeys()))
})

describe.each(values)('%s', (key, safer, same, worse, read) => {
  test('is set to what is safer, and nothing else changes', () => {
    const set = setOf({ [key]: safer })
    expect(flawsOf(set, settings)).toEqual([])
    const { settings: after, values } = merged(settings, set)
    expect(values).toMatchObject([{ key, isInForce: true, reason: null }])
    expect(read(after)).not.toEqual(read(settings))
    expect(changes(settings, after)).toEqual([key])
  })

  test('may be what it is', () => {
    expect(flawsOf(setOf({ [key]: same }), settings)).toEqual([])
    expect(merged(settings, setOf({ [key]: same })).settings).toEqual(settings)
  })

  test('is refused where it is less safe, and not in force where it lies there all the same', () => {
    const set = setOf({ [key]: worse })
    expect(flawsOf(set, settings)).toEqual([
      expect.stringMatching(/ is (more|less) than .*, which the config here says$/),
    ])
    const { settings: after, values } = merged(settings, set)
    expect(after).toEqual(settings)
    expect(values).toMatchObject([{ key, isInForce: false, reason: expect.any(String) }])
  })
})

/** The keys in which two of a kind differ. */
function changes(before: unknown, after: unknown, path: string[] = []): string[] {
  const isLimit = isMap(before) && ('percent' in before || 'files' in before)
  if (!isMap(before) || !isMap(after) || isLimit)
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [path.join('.')]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => changes(before[key], after[key], [...path, key]))
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

describe('maxDelete of all sources', () => {
  test('is set where it is stricter, and leaves those that have one of their own', () => {
    const set = setOf({ maxDelete: '20%' })
    expect(flawsOf(set, settings)).toEqual([])
    const { settings: after, values } = merged(settings, set)
    expect(after.sources.home?.maxDelete).toEqual({ percent: 20 })
    expect(after.sources.var?.maxDelete).toEqual({ files: 1000 })
    expect(values.map(({ key, isInForce }) => [key, isInForce])).toEqual([
      ['sources.home.maxDelete', true],
      ['sources.var.maxDelete', false],
    ])
    const named = merged(settings, setOf({ maxDelete: '20%', 'sources.home.maxDelete': '40%' }))
    expect(named.settings.sources.home?.maxDelete).toEqual({ percent: 40 })
  })

  test('is refused where it is stricter for none', () => {
    expect(flawsOf(setOf({ maxDelete: '60%' }), settings)).toEqual([
      expect.stringContaining('60% is more than 50%'),
    ])
    expect(flawsOf(setOf({ maxDelete: '20%' }), { ...settings, sources: {} })).toHaveLength(1)
  })

  test('a percent is not taken for a number of files', () => {
    expect(flawsOf(setOf({ 'sources.var.maxDelete': '1%' }), settings)).toEqual([
      'sources.var.maxDelete: 1% cannot be compared with 1000 files, which the config here says',
    ])
  })
})

test.each([
  ['hooks', 'notify', '[]'],
  ['a hook', 'notify.0.exec', '/bin/sh'],
  ['functions', 'functions', '/tmp'],
  ['targets', 'targets.disk.path', '/etc'],
  ['a path', 'sources.home.path', '/etc'],
  ['what is left out', 'sources.home.exclude', '*'],
  ['the target of a source', 'sources.home.target', 'other'],
  ['what may change', 'sources.home.maxChange', '100%'],
  ['where a drill restores', 'drill.scratch', '/'],
  ['where archives go', 'archive.target', 'disk'],
  ['the state', 'state', '/tmp'],
  ['what is obeyed', 'fleet.obeys', 'restore.start'],
  ['the server', 'fleet.servers', 'tls://evil:4222'],
  ['HTTP', 'http.listen', '0.0.0.0:80'],
  ['a prototype', '__proto__', '1d'],
  ['a prototype of sources', 'sources.__proto__.maxDelete', '1%'],
  ['what every object has', 'sources.valueOf.maxDelete', '1%'],
  ['a constructor', 'sources.constructor.maxDelete', '1%'],
  ['valueOf', 'valueOf', '1d'],
  ['a part', 'archive.keep', '1'],
  ['a source that is not there', 'sources.nowhere.maxDelete', '1%'],
  ['a key in capitals', 'KEEP', '1000d'],
  ['a key with a blank', 'keep ', '1000d'],
  ['no key', '', '1d'],
])('%s cannot be set', (_, key, value) => {
  const set = [{ key, value }]
  expect(flawsOf(set, settings)).toHaveLength(1)
  const before = structuredClone(own)
  const { settings: after, values } = merged(settings, set)
  expect(after).toEqual(settings)
  expect(values).toMatchObject([{ isInForce: false }])
  expect(structuredClone(own)).toEqual(before)
  expect(Object.getPrototypeOf(after)).toBe(Object.prototype)
  expect(({} as Record<string, unknown>).maxDelete).toBeUndefined()
})

test.each([
  ['alert.after', '0s'],
  ['alert.after', '-1h'],
  ['alert.after', 'NaN'],
  ['keep', '1e9d'],
  ['keep', 'forever'],
  ['keep', '101y'],
  ['archive.daily', '0'],
  ['archive.daily', '367'],
  ['archive.keep.weekly', '5.5'],
  ['archive.keep.weekly', '521'],
  ['archive.keep.weekly', '0x10'],
  ['sources.home.maxDelete', '-1'],
  ['sources.home.maxDelete', '[object Object]'],
  ['verify.every', '1s'],
])('%s cannot be set to %s, as in the file of the host', (key, value) => {
  expect(flawsOf([{ key, value }], settings)).toEqual([expect.stringMatching(/: expected .*, found /)])
  expect(merged(settings, [{ key, value }]).settings).toEqual(settings)
})

test('one that is wrong has all refused', () => {
  const set = setOf({ 'alert.after': '12h', keep: '1d', 'notify.0': 'x' })
  expect(flawsOf(set, settings)).toEqual([
    'keep: 1d is less than 90d, which the config here says',
    'notify.0 cannot be set from a hub',
  ])
  expect(flawsOf([...setOf({ keep: '91d' }), ...setOf({ keep: '100d' })], settings)).toEqual([
    'keep is set twice',
  ])
})

test('rules of pruning are not brought to a host that prunes nothing: they would have it begin', () => {
  const plain = parseConfig(
    'sources: { a: { path: /a, target: t } }\ntargets: { t: { path: /t } }\narchive: { target: t }\n',
    'hdsync.yaml',
  )
  const set = setOf({ 'archive.keep.weekly': '500', 'archive.daily': '366' })
  expect(flawsOf(set, plain)).toEqual([
    expect.stringContaining('nothing is pruned here'),
    expect.stringContaining('nothing is pruned here'),
  ])
  expect(flawsOf(setOf({ 'drill.every': '1d', 'verify.every': '1d' }), plain)).toEqual([
    'drill.every: there is no `drill` here',
    'verify.every: there is no `verify` here',
  ])
})

test('whatever is set, no value is less safe than that of the host', () => {
  const all = values.flatMap(([, safer, same, worse]) => [safer, same, worse])
  const keys = values.map(([key]) => key)
  for (const value of all) {
    const set = keys.map((key) => ({ key, value }))
    const after = merged(settings, set).settings
    // What is in force may be set on the host as it is: none of it is refused.
    for (const key of changes(settings, after)) expect(flawsOf([{ key, value }], settings)).toEqual([])
  }
})

test.each([
  [
    'more than there can be',
    { number: 1, set: Array.from({ length: 301 }, () => ({ key: 'keep', value: '1d' })) },
  ],
  ['a long key', { number: 1, set: [{ key: 'x'.repeat(129), value: '1d' }] }],
  ['a long value', { number: 1, set: [{ key: 'keep', value: '1'.repeat(33) }] }],
  ['something beside', { number: 1, set: [], hooks: [] }],
  ['something in a pair', { number: 1, set: [{ key: 'keep', value: '1d', exec: 'x' }] }],
  ['a value that is no text', { number: 1, set: [{ key: 'keep', value: { valueOf: 1 } }] }],
  ['a map', { number: 1, set: { keep: '1d' } }],
  ['no number', { set: [] }],
  ['a number that is none', { number: 1.5, set: [] }],
  ['nothing', null],
])('what is sent is not %s', (_, request) => {
  expect(pushRequest.safeParse(request).success).toBe(false)
})
