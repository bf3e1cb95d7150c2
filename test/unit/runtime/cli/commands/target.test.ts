import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AdoptOptions, adoptCommand } from '../../../../../runtime/cli/commands/target.ts'
import { lastSight, noteSight } from '../../../../../runtime/host/last-sight.ts'
import { readClaims } from '../../../../../runtime/host/target/claims.ts'
import { readMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { printed } from '../night.ts'

/** A host with two targets, on disks that it may share with another one. */
function host(disks: string, state = temporaryFolder(), own = '') {
  const folder = temporaryFolder()
  const config = join(folder, 'hdsync.yaml')
  for (const disk of ['one', 'two']) mkdirSync(join(disks, disk), { recursive: true })
  writeFileSync(
    config,
    `sources: { var: { path: ${folder}, target: one } }
targets: { one: { path: '${disks}/one${own}' }, two: { path: ${disks}/two } }
archive: { target: two }
state: ${state}
`,
    { mode: 0o600 },
  )
  return async (name: string | undefined, options: AdoptOptions = {}) => {
    const io = printed()
    const code = await adoptCommand(name, { config, ...options }, io).catch((error: Error) => error)
    return { code, out: io.out, err: io.err }
  }
}
const modeOf = (path: string) => statSync(path).mode & 0o7777

describe('hdsync target adopt', () => {
  test('marks a target and closes it; a second time it says so, and keeps the marker', async () => {
    const disks = temporaryFolder()
    const adopt = host(disks)
    const first = await adopt('one')
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining(`${disks}/one is target one now\n`) })
    expect(first.out).toContain('it was open to others than root, and is closed now (mode 0700)')
    expect(modeOf(join(disks, 'one'))).toBe(0o700)
    const { id } = readMarker(join(disks, 'one')) ?? {}
    expect((await adopt('one')).out).toBe(`${disks}/one is target one already\n`)
    expect(readMarker(join(disks, 'one'))?.id).toBe(id)
  })

  test('notes how it looks now, in place of what a run has seen', async () => {
    const [disks, state] = [temporaryFolder(), temporaryFolder()]
    const target = { name: 'one', path: join(disks, 'one') }
    const adopt = host(disks, state)
    chmodSync(target.path, 0o755)
    noteSight(state, target)
    expect(lastSight(state, target)?.doors).toHaveLength(1)
    await adopt('one')
    expect(lastSight(state, target)).toMatchObject({ doors: [], claims: [['var', {}]] })
  })

  test('--all mends each target that is open, and goes on where one is no target', async () => {
    const disks = temporaryFolder()
    const adopt = host(disks)
    await adopt('one')
    const { id } = readMarker(join(disks, 'one')) ?? {}
    chmodSync(join(disks, 'one'), 0o755)
    chmodSync(join(disks, 'two'), 0o777)
    const { code, out, err } = await adopt(undefined, { all: true })
    expect(code).toBe(1)
    expect(out).toContain('one is target one already\n  it was open')
    expect(err).toMatch(
      /two: others than root can write in .*\n.*chmod 0700 .*two && hdsync target adopt two/,
    )
    expect(readMarker(join(disks, 'one'))?.id).toBe(id)
    expect(modeOf(join(disks, 'one'))).toBe(0o700)
    expect(readdirSync(join(disks, 'two'))).toEqual([])
    const json = await adopt(undefined, { all: true, json: true })
    expect(JSON.parse(json.out)).toMatchObject([
      { target: 'one', id, open: [], lacks: expect.any(Array) },
      { target: 'two' },
    ])
  })

  test('asks which one, where neither a name nor --all is given', async () => {
    const adopt = host(temporaryFolder())
    expect((await adopt(undefined)).code).toMatchObject({ message: 'which target?' })
    expect((await adopt('one', { all: true })).code).toBeInstanceOf(Error)
  })

  test('says whose the mirrors are, changes nothing then, and takes them over when told to', async () => {
    const disks = temporaryFolder()
    await host(disks)('one')
    const { id } = readMarker(join(disks, 'one')) ?? {}
    const claims = () => readClaims(join(disks, 'one')).get('var')
    const before = claims()
    const other = host(disks)
    const refused = await other('one')
    expect(refused.code).toMatchObject({
      message: expect.stringContaining('mirror and archives of var belong to '),
      hint: expect.stringContaining('hdsync target adopt one --take-over'),
    })
    expect(claims()).toEqual(before)
    const taken = await other('one', { takeOver: true })
    expect(taken.code).toBe(0)
    expect(taken.out).toMatch(/var: mirror and archives are taken over from host /)
    expect(claims()?.store).not.toBe(before?.store)
    expect(readMarker(join(disks, 'one'))?.id).toBe(id)
    expect((await other('one')).code).toBe(0)
  })

  test('makes a folder for this host, and keeps to it until it is adopted again under another name', async () => {
    const disks = temporaryFolder()
    const state = temporaryFolder()
    const adopt = host(disks, state, '/%h')
    await adopt('one')
    const own = join(disks, 'one', hostname())
    expect(modeOf(own)).toBe(0o700)
    expect(readMarker(own)).toMatchObject({ target: 'one', host: hostname() })
    const { id } = readMarker(own) ?? {}
    // As if it had been called so.
    writeFileSync(join(state, 'targets.json'), '{ "hosts": { "one": "alpha" } }')
    renameSync(own, join(disks, 'one/alpha'))
    expect((await adopt('one')).out).toBe(`${disks}/one/alpha is target one already\n`)
    renameSync(join(disks, 'one/alpha'), own)
    expect((await adopt('one', { again: true })).out).toBe(`${own} is target one already\n`)
    expect((await adopt('one')).out).toBe(`${own} is target one already\n`)
    expect(readMarker(own)?.id).toBe(id)
  })

  test('makes no folder for this host where the disk is not there', async () => {
    const disks = temporaryFolder()
    const adopt = host(disks, undefined, '/%h')
    rmSync(join(disks, 'one'), { recursive: true })
    expect((await adopt('one')).code).toMatchObject({
      message: `target one: there is no folder ${disks}/one`,
    })
    expect(existsSync(join(disks, 'one'))).toBe(false)
  })

  test('claims the archives of a source where they go', async () => {
    const disks = temporaryFolder()
    await host(disks)('two')
    expect([...readClaims(join(disks, 'two')).keys()]).toEqual(['var'])
    expect(existsSync(join(disks, 'two', 'var'))).toBe(false)
    expect(readFileSync(join(disks, 'two', '.hdsync-target'), 'utf8')).toContain('"host":')
  })
})
