import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digestOfNames, heldLists } from '../../../../../runtime/host/mirror/held-lists.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const names = ['a/', 'a/\xff\n', 'b']
const digest = digestOfNames(names)

describe('heldLists()', () => {
  test('keeps names of any bytes, for root alone', () => {
    const state = temporaryFolder()
    const lists = heldLists(state)
    expect(lists.keep('h1', names)).toBe(digest)
    expect(lists.read('h1', digest)).toEqual(names)
    expect(heldLists(state).read('h1', digest)).toEqual(names)
    expect(statSync(join(state, 'held')).mode & 0o777).toBe(0o700)
    expect(statSync(join(state, 'held', 'h1')).mode & 0o777).toBe(0o600)
    expect(lists.keep('h2', [])).toBe(digestOfNames([]))
    expect(lists.read('h2', digestOfNames([]))).toEqual([])
  })

  test('has none that is gone, damaged or another one', () => {
    const state = temporaryFolder()
    const lists = heldLists(state)
    expect(lists.read('h1', digest)).toBeUndefined()
    lists.keep('h1', names)
    expect(lists.read('h1', undefined)).toBeUndefined()
    writeFileSync(join(state, 'held', 'h1'), 'a/\0')
    expect(lists.read('h1', digest)).toBeUndefined()
    lists.keep('h1', names)
    lists.forget('h1')
    expect(readdirSync(join(state, 'held'))).toEqual([])
  })

  test('is used by one run, as often as that likes', () => {
    const lists = heldLists(temporaryFolder())
    lists.keep('h1', names)
    expect(lists.usedBy('h1')).toBeUndefined()
    lists.use('h1', 'run2')
    lists.use('h1', 'run3')
    expect(lists.usedBy('h1')).toBe('run2')
    expect(lists.read('h1', digest, 'run2')).toEqual(names)
    expect(lists.read('h1', digest, 'run3')).toBeUndefined()
    lists.keep('h1', names)
    expect(lists.usedBy('h1')).toBeUndefined()
  })

  test('forgets those that are old', () => {
    const state = temporaryFolder()
    const lists = heldLists(state)
    lists.prune(Date.now())
    lists.keep('h1', names)
    lists.keep('h2', names)
    utimesSync(join(state, 'held', 'h1'), 1000, 1000)
    lists.prune(2_000_000)
    expect(readdirSync(join(state, 'held'))).toEqual(['h2'])
  })

  test('fails where nothing can be written', () => {
    expect(() => heldLists('/proc/nowhere').keep('h1', names)).toThrow('/proc/nowhere/held')
  })
})
