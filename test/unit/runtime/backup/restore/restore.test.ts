import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makePlan, type RestoreRequest } from '../../../../../runtime/backup/restore/make-plan.ts'
import {
  beginRestore,
  beginUndo,
  placeRestore,
  unpackRestore,
} from '../../../../../runtime/backup/restore/perform.ts'
import { planRequest } from '../../../../../runtime/backup/restore/plan-request.ts'
import { mirrorReader } from '../../../../../runtime/host/points/mirror-reader.ts'
import { readerOf } from '../../../../../runtime/host/points/reader.ts'
import type { RestorePoint } from '../../../../../runtime/host/points/restore-point.ts'
import { UndoFolder } from '../../../../../runtime/host/restore/undo-folder.ts'
import type { Progress } from '../../../../../runtime/progress.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { archiveOf, makeTree, portrait, runner, sh } from '../../host/points/tree.ts'

const media = ['mirror', 'zstd', 'none'] as const
type Medium = (typeof media)[number]

interface Made {
  folder: string
  /** The live system. */
  live: string
  point: RestorePoint
}

/** A live system, and a restore point that is equal to it. */
function make(medium: Medium): Made {
  const folder = temporaryFolder()
  const live = join(folder, 'live/var')
  mkdirSync(live, { recursive: true })
  makeTree(live)
  const base = { id: 'var@x', source: 'var', at: '2026-11-29T01:00:00Z', target: 'disk' }
  if (medium === 'mirror') {
    sh(`mkdir disk; rsync -aHAXS --numeric-ids --modify-window=-1 live/var/ disk/var/`, folder)
    return { folder, live, point: { ...base, kind: 'mirror', path: join(folder, 'disk/var') } }
  }
  const path = join(folder, `disk/Sunday/var.tar${medium === 'zstd' ? '.zst' : ''}`)
  archiveOf(join(folder, 'live'), 'var', path)
  return { folder, live, point: { ...base, kind: 'weekday', path } }
}

/** Makes the restore point once more. */
function remake({ folder, point: { path, kind } }: Made): void {
  if (kind === 'mirror') sh('rsync -aHAXS --numeric-ids --modify-window=-1 live/var/ disk/var/', folder)
  else archiveOf(join(folder, 'live'), 'var', path)
}

function request(made: Made, more: Partial<RestoreRequest> = {}): RestoreRequest {
  return {
    point: made.point,
    identity: '',
    paths: [Buffer.alloc(0)],
    root: made.live,
    isNew: false,
    deletes: false,
    exclude: [],
    notBackedUp: [],
    leaveAlone: ['/.hdsync-undo', '/lost+found'],
    owners: 'keep',
    ...more,
  }
}

const planOf = (wanted: RestoreRequest) =>
  makePlan(
    wanted,
    readerOf(wanted.point, runner),
    wanted.isNew ? undefined : mirrorReader(wanted.root, runner),
  )

async function restore(wanted: RestoreRequest, id = 'one') {
  const plan = await planOf(wanted)
  const begun = beginRestore(plan, id, 1000)
  const restored = await unpackRestore(begun, runner)
  await placeRestore(begun, runner)
  return { plan, begun, restored }
}

const actionsOf = (actions: { op: string; path: Buffer }[]) =>
  actions.map(({ op, path }) => `${op} ${path.toString('latin1')}`)

/** But for the undo folder, which comes and goes. */
function picture(folder: string): string {
  const undo = join(folder, '.hdsync-undo')
  const held = existsSync(undo) ? `${folder}.undo` : undefined
  if (held) sh(`t=$(stat -c %y .); mv .hdsync-undo '${held}'; touch -d "$t" .`, folder)
  const found = portrait(folder)
  if (held) sh(`t=$(stat -c %y .); mv '${held}' .hdsync-undo; touch -d "$t" .`, folder)
  return found
}

describe.each(media)('a restore from %s', (medium) => {
  test('into a new folder brings everything back as it was', async () => {
    const made = make(medium)
    const root = join(made.folder, 'var-2026')
    const { restored, plan } = await restore(request(made, { root, isNew: true }))
    expect(restored).toEqual({ missing: [] })
    expect(portrait(root)).toBe(portrait(made.live))
    expect(statSync(root, { bigint: true }).mtimeNs).toBe(statSync(made.live, { bigint: true }).mtimeNs)
    expect(plan.created.entries).toBeGreaterThan(10)
    expect(readdirSync(root)).not.toContain('.hdsync-undo')
  })

  test('of a part into a new folder brings it, and the folders above it, alone', async () => {
    const made = make(medium)
    const root = join(made.folder, 'part')
    await restore(
      request(made, { root, isNew: true, paths: [Buffer.from('a/deep/other'), Buffer.from('a/link')] }),
    )
    expect(sh('find . | sort', root).split('\n').filter(Boolean)).toEqual([
      '.',
      './a',
      './a/deep',
      './a/deep/other',
      './a/link',
    ])
    const time = (path: string) => statSync(path, { bigint: true }).mtimeNs
    expect(time(join(root, 'a/deep'))).toBe(time(join(made.live, 'a/deep')))
  })

  test('in place puts back what differs, and can be taken back, and that too', async () => {
    const made = make(medium)
    const was = picture(made.live)
    sh(
      `
      echo changed > a/file; rm 'with space/old'; rmdir 'with space'; echo new > a/new
      rm -r a/deep; echo file > a/deep; rm pipe; mkdir pipe; echo x > pipe/inside; chmod 700 a
      `,
      made.live,
    )
    const spoilt = picture(made.live)
    const { plan, begun } = await restore(request(made))
    // What was there besides stays.
    expect(readFileSync(join(made.live, 'a/new'), 'utf8')).toBe('new\n')
    expect(actionsOf(plan.actions).sort()).toEqual([
      'create with space',
      'folder ',
      'folder a',
      'replace a/deep',
      'replace a/file',
      'replace pipe',
    ])
    const differs = picture(made.live)
    rmSync(join(made.live, 'a/new'))
    sh(
      `touch -d '@${statSync(join(made.live, 'a'), { bigint: true }).mtimeNs / 1_000_000_000n}' a`,
      made.live,
    )
    writeFileSync(join(made.live, 'a/new'), 'new\n')
    expect(plan.deleted.entries).toBe(1)
    expect(differs.replace(/.*a\/new.*\n/g, '')).toContain(
      was.split('\n').find((line) => line.startsWith('a/file')) ?? '?',
    )
    const undo = await beginUndo(begun, 'two', 2000, runner)
    await placeRestore(undo, runner)
    const times = /(?<=^a d {2})\S+/gm
    const without = (text: string) => text.replace(times, '').replace(/^a\/new f 4 \S+/m, 'a/new')
    expect(without(picture(made.live))).toBe(without(spoilt))
    await expect(beginUndo(begun, 'three', 2500, runner)).rejects.toThrow('has been taken back already')
    const again = await beginUndo(undo, 'three', 3000, runner)
    await placeRestore(again, runner)
    expect(without(picture(made.live))).toBe(without(differs))
    expect(UndoFolder.list(made.live).map(({ id, stage }) => [id, stage])).toEqual([
      ['three', 'done'],
      ['two', 'undone'],
      ['one', 'undone'],
    ])
  })

  test('in place with deletion leaves alone what was excluded, and what lies outside of the place', async () => {
    const made = make(medium)
    const was = picture(made.live)
    sh(
      `mkdir a/cache a/junk a/junk/deep; echo 1 > a/cache/x; echo 2 > a/junk/deep/y; echo 3 > a/z.tmp; echo 4 > a/gone; echo 5 > outside`,
      made.live,
    )
    const paths = [Buffer.from('a')]
    const { plan } = await restore(request(made, { paths, deletes: true, notBackedUp: ['cache/', '*.tmp'] }))
    expect(actionsOf(plan.actions).sort()).toEqual(['delete a/gone', 'delete a/junk', 'folder a'])
    expect(plan.deleted.entries).toBe(4)
    expect(readdirSync(join(made.live, 'a')).sort()).toEqual([
      'cache',
      'deep',
      'etc',
      'file',
      'link',
      'z.tmp',
    ])
    expect(readFileSync(join(made.live, 'outside'), 'utf8')).toBe('5\n')
    rmSync(join(made.live, 'outside'))
    await restore(request(made, { deletes: true }), 'two')
    expect(picture(made.live)).toBe(was)
    expect((await planOf(request(made, { deletes: true }))).actions).toEqual([])
  })

  test('leaves out what it is told to', async () => {
    const made = make(medium)
    const root = join(made.folder, 'some')
    await restore(request(made, { root, isNew: true, exclude: ['deep/', '/sparse', 'old'] }))
    expect(sh('find . | sort', root)).not.toMatch(/deep|sparse|old/)
    const time = (path: string) => statSync(path, { bigint: true }).mtimeNs
    for (const path of ['a', 'with space']) expect(time(join(root, path))).toBe(time(join(made.live, path)))
  })

  test('of a folder brings back files whose first names lie elsewhere, or are left out', async () => {
    const made = make(medium)
    sh(
      'mkdir -p first last; echo shared > first/name; ln first/name last/name; ln first/name last/other',
      made.live,
    )
    remake(made)
    for (const [exclude, paths] of [
      [[], ['last']],
      [['/first'], ['']],
      [
        ['/first/name', '/last/other'],
        ['first', 'last'],
      ],
    ] as const) {
      const root = join(made.folder, `new ${paths}`)
      const wanted = { root, isNew: true, exclude, paths: paths.map((path) => Buffer.from(path)) }
      const { restored } = await restore(request(made, wanted))
      expect(restored).toEqual({ missing: [] })
      expect(readFileSync(join(root, 'last/name'), 'utf8')).toBe('shared\n')
      expect(statSync(join(root, 'last/name')).nlink).toBe(2 - Number(exclude.length === 2))
    }
  })

  test('needs no room for what it leaves out', async () => {
    const made = make(medium)
    const root = join(made.folder, 'some')
    const all = await planOf(request(made, { root, isNew: true }))
    const some = await planOf(request(made, { root, isNew: true, exclude: ['/sparse'] }))
    const { size, blocks } = statSync(join(made.live, 'sparse'))
    // Only of a mirror is it known what a file takes without its holes.
    expect(all.room.sizeBytes - some.room.sizeBytes).toBe(medium === 'mirror' ? blocks * 512 : size)
    expect(all.room.entries - some.room.entries).toBe(1)
    const endless = { ...some, room: { entries: 1, sizeBytes: 2 ** 60 } }
    expect(() => beginRestore(endless, 'one', 1000)).toThrow(/needs .* and there are/)
  })

  test('that is cut off anywhere goes on, and leaves old or new at each path', async () => {
    const made = make(medium)
    const good = picture(made.live)
    sh(`echo changed > a/file; rm -r a/deep 'with space'; echo odd > a/deep; rm sparse`, made.live)
    const plan = await planOf(request(made, { deletes: true }))
    const steps = plan.actions.length
    expect(steps).toBeGreaterThan(4)
    const begun = beginRestore(plan, 'one', 1000)
    await unpackRestore(begun, runner)
    // Cut off in the middle of unpacking: it begins again.
    await unpackRestore(begun, runner)
    for (let step = 0; step < steps; step += 1) {
      let left = step
      const signal = { throwIfAborted: () => void (left-- === 0 && fail()) } as unknown as AbortSignal
      await expect(placeRestore(begun, runner, signal)).rejects.toThrow('cut off')
      expect(['contents', 'changed\n']).toContain(readFileSync(join(made.live, 'a/file'), 'utf8'))
      expect(UndoFolder.list(made.live)[0]?.stage).toBe('placing')
    }
    await placeRestore(begun, runner)
    expect(picture(made.live)).toBe(good)
  })
})

test.each(media)(
  'of a file with several names those alone come that are asked for, from %s',
  async (medium) => {
    const made = make(medium)
    sh('mkdir -p n/deep; ln a/file n/deep/name', made.live)
    if (medium === 'mirror') sh('mkdir -p n/deep; ln a/file n/deep/name', made.point.path)
    else archiveOf(join(made.folder, 'live'), 'var', made.point.path)
    for (const asked of ['a/file', 'a/deep', 'n', 'n/deep/name']) {
      const root = join(made.folder, asked.replaceAll('/', '-'))
      const { restored } = await restore(request(made, { root, isNew: true, paths: [Buffer.from(asked)] }))
      expect(restored).toEqual({ missing: [] })
      const above = asked.split('/').map((_, n, names) => ['.', ...names.slice(0, n + 1)].join('/'))
      const inside = sh(`find ./${asked}`, made.live).split('\n').filter(Boolean)
      expect(sh('find .', root).split('\n').filter(Boolean).sort()).toEqual(
        [...new Set(['.', ...above, ...inside])].sort(),
      )
      const top = asked.split('/')[0] ?? ''
      const time = (folder: string) => statSync(join(folder, top), { bigint: true }).mtimeNs
      expect(time(root)).toBe(time(medium === 'mirror' ? made.point.path : made.live))
    }
  },
)

test('the folder itself keeps its time when only attributes of a folder in it are put back', async () => {
  const made = make('mirror')
  const time = () => statSync(made.live, { bigint: true }).mtimeNs
  const before = time()
  sh('chmod 700 a', made.live)
  const { plan } = await restore(request(made))
  expect(actionsOf(plan.actions)).toEqual(['folder a'])
  expect(time()).toBe(before)
})

function fail(): never {
  throw new Error('cut off')
}

test('in place from a mirror, other ACLs and extended attributes alone are put back', async ({ skip }) => {
  const made = make('mirror')
  const odd = '"$(printf \'odd\\377\\n\\\\q"\')"'
  try {
    sh('setfattr -n user.new -v 1 .; setfattr -n user.new -v 1 sparse', made.live)
    sh(`setfattr -n user.new -v 1 ${odd}; setfacl -m u:13:r a/deep`, made.live)
  } catch {
    skip('this file system has none')
  }
  const wanted = { root: made.live, isNew: false, deletes: false, exclude: [], owners: 'keep' as const }
  const planned = async (...paths: string[]) =>
    planRequest(
      { ...wanted, paths: paths.map((path) => Buffer.from(path).toString('base64')) },
      made.point,
      undefined,
      runner,
    )
  expect(actionsOf((await planned('a/deep')).actions)).toEqual(['folder a/deep'])
  const plan = await planned('')
  expect(actionsOf(plan.actions).sort()).toEqual([
    'folder ',
    'folder a/deep',
    'replace odd\xff\n\\q"',
    'replace sparse',
  ])
  const begun = beginRestore(plan, 'one', 1000)
  await unpackRestore(begun, runner)
  await placeRestore(begun, runner)
  expect(picture(made.live)).toBe(portrait(made.point.path))
  expect((await planned('')).actions).toEqual([])
})

test('places that lie in one another are restored once', async () => {
  const made = make('mirror')
  sh('rm -r a', made.live)
  const paths = ['a/deep', 'a', 'a/deep/other'].map((path) => Buffer.from(path))
  const { plan } = await restore(request(made, { paths }))
  expect(actionsOf(plan.actions)).toEqual(['create a'])
  expect(plan.created.entries).toBe(Number(sh('find a | wc -l', made.point.path)))
  sh('echo changed > a/deep/other', made.live)
  const again = await planOf(request(made, { paths }))
  expect(actionsOf(again.actions)).toEqual(['replace a/deep/other', 'folder a/deep'])
})

test('a link in the way is refused, on both sides', async () => {
  const made = make('mirror')
  const outside = join(made.folder, 'outside')
  mkdirSync(outside)
  rmSync(join(made.live, 'a'), { recursive: true })
  symlinkSync(outside, join(made.live, 'a'))
  await expect(planOf(request(made, { paths: [Buffer.from('a/file')] }))).rejects.toThrow('is a link to')
  // Swapped in after the plan.
  rmSync(join(made.live, 'a'))
  mkdirSync(join(made.live, 'a'))
  const plan = await planOf(request(made, { paths: [Buffer.from('a/file')] }))
  const begun = beginRestore(plan, 'one', 1000)
  await unpackRestore(begun, runner)
  sh('rmdir a; ln -s ../../outside a', made.live)
  await expect(placeRestore(begun, runner)).rejects.toThrow('is a link to')
  expect(readdirSync(outside)).toEqual([])
})

test('what appears after the plan is not overwritten', async () => {
  const made = make('none')
  rmSync(join(made.live, 'sparse'))
  const begun = beginRestore(await planOf(request(made)), 'one', 1000)
  await unpackRestore(begun, runner)
  writeFileSync(join(made.live, 'sparse'), 'mine')
  await expect(placeRestore(begun, runner)).rejects.toThrow('has appeared since')
  expect(readFileSync(join(made.live, 'sparse'), 'utf8')).toBe('mine')
})

test('of a damaged archive what can be read comes back, and the rest is named', async () => {
  const made = make('none')
  const bytes = readFileSync(made.point.path)
  const cut = bytes.lastIndexOf('contents')
  writeFileSync(made.point.path, bytes.subarray(0, cut + 3))
  const root = join(made.folder, 'rest')
  const { plan, restored } = await restore(request(made, { root, isNew: true }))
  expect(plan.damage).toContain('cannot be read whole')
  expect(restored.missing.length).toBeGreaterThan(0)
  for (const path of sh('find . -type f -print0', root).split('\0').filter(Boolean)) {
    const at = (folder: string) => readFileSync(Buffer.from(`${folder}/${path}`, 'latin1'))
    expect(at(root)).toEqual(at(made.live))
  }
})

test('of a damaged archive each file that is lost is named, and another restore point that has it', async () => {
  const made = make('none')
  const { folder, live, point } = made
  sh('head -c 100000 /dev/urandom > last; echo behind > behind', live)
  sh('tar -r -f disk/Sunday/var.tar -C live var/last var/behind; cp -a live/var mirror', folder)
  sh('mkdir disk/Monday; ln disk/Sunday/var.tar disk/Monday/', folder)
  truncateSync(point.path, statSync(point.path).size - 90_000)
  const mirror = { ...point, id: 'var@latest', kind: 'mirror' as const, path: join(folder, 'mirror') }
  const sameFile = { ...point, id: 'var@same', path: join(folder, 'disk/Monday/var.tar') }
  const root = join(folder, 'rest')
  const begun = beginRestore(await planOf(request(made, { root, isNew: true })), 'one', 1000)
  const named = async (others: RestorePoint[]) =>
    (await unpackRestore(begun, runner, others)).missing.filter((one) => one.startsWith('var:'))
  expect((await named([sameFile, mirror])).sort()).toEqual([
    'var:behind cannot be read whole in var@x: var@latest has it',
    'var:last cannot be read whole in var@x: var@latest has it',
  ])
  expect(await named([sameFile])).toEqual([
    'var:last cannot be read whole in var@x: no other restore point that can be read has it',
  ])
  await expect(planOf(request(made, { paths: [Buffer.from('behind')] }))).rejects.toMatchObject({
    message: expect.stringMatching(/^var:behind cannot be found in var@x: .*cannot be read whole/),
    hint: 'hdsync versions var:behind tells which other restore points have it',
  })
})

test('a plan has another hash when anything has changed', async () => {
  const made = make('mirror')
  sh('echo 1 > a/file', made.live)
  const first = (await planOf(request(made))).hash
  expect((await planOf(request(made))).hash).toBe(first)
  sh('rm sparse', made.live)
  expect((await planOf(request(made))).hash).not.toBe(first)
})

test('how far unpacking has come is told in bytes, up to all that it takes', async () => {
  const made = make('mirror')
  const plan = await planOf(request(made, { root: join(made.folder, 'new'), isNew: true }))
  const told: Progress[] = []
  await unpackRestore(beginRestore(plan, 'one', 1000), runner, [], (progress) => told.push(progress))
  const { sizeBytes } = plan.room
  expect(told.at(-1)).toMatchObject({ bytes: sizeBytes, totalBytes: sizeBytes })
})
