import { chmodSync, lchownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Peers } from '../../../../../runtime/http/security/peers.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const isRoot = process.geteuid?.() === 0
const ann = 12_345

function make() {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'socket'), '')
  const clock = { at: 0, now: () => clock.at }
  return { peers: new Peers(join(folder, 'peers'), join(folder, 'socket'), clock), clock }
}

/** Makes the link as another user would. */
function made({ folder, name }: { folder: string; name: string }, uid = ann, to = name): string {
  symlinkSync(to, join(folder, name))
  lchownSync(join(folder, name), uid, uid)
  return name
}

test.runIf(isRoot)('who makes the link is known by it from then on', () => {
  const { peers, clock } = make()
  const asked = peers.challenge()
  expect(statSync(asked.folder).mode & 0o7777).toBe(0o1730)
  expect(peers.uidOf(made(asked))).toBe(ann)
  expect(readdirSync(asked.folder)).toEqual(['taken'])
  expect(readdirSync(join(asked.folder, 'taken'))).toEqual([])
  clock.at += 3_000_000
  expect(peers.uidOf(asked.name)).toBe(ann)
  clock.at += 4_000_000
  expect(() => peers.uidOf(asked.name)).toThrow('ask for a name first')
})

test.runIf(isRoot)(
  'nobody is known by a name that was not given, that is late, or whose link is of root or leads elsewhere',
  () => {
    const { peers, clock } = make()
    expect(() => peers.uidOf(undefined)).toThrow('ask for a name first')
    const { folder } = peers.challenge()
    expect(() => peers.uidOf(made({ folder, name: 'own' }))).toThrow('ask for a name first')
    expect(() => peers.uidOf('../socket')).toThrow('ask for a name first')
    expect(() => peers.uidOf(peers.challenge().name)).toThrow('there is no link')
    expect(() => peers.uidOf(made(peers.challenge(), ann, 'elsewhere'))).toThrow('there is no link')
    const mounted = peers.challenge()
    mkdirSync(join(folder, mounted.name))
    expect(() => peers.uidOf(mounted.name)).toThrow('there is no link')
    expect(() => peers.uidOf(made(peers.challenge(), 0))).toThrow('root asks over the other socket')
    const late = peers.challenge()
    made(late)
    clock.at += 60_000
    expect(() => peers.uidOf(late.name)).toThrow('ask for a name first')
    expect(readdirSync(folder)).not.toContain(late.name)
  },
)

test.runIf(isRoot)('of one user the oldest proofs are forgotten first', () => {
  const { peers } = make()
  const names = Array.from({ length: 51 }, () => made(peers.challenge()))
  for (const name of names) peers.uidOf(name)
  expect(() => peers.uidOf(names[0])).toThrow('ask for a name first')
  expect(peers.uidOf(names[1])).toBe(ann)
})
