import { chmodSync, lchownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Peers } from '../../../../../runtime/http/security/peers.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const isRoot = process.geteuid?.() === 0
const ann = 12_345

function makePeers() {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  writeFileSync(join(folder, 'socket'), '')
  const clock = { at: 0, now: () => clock.at }
  return { folder, peers: new Peers(join(folder, 'peers'), join(folder, 'socket'), clock), clock }
}

/** Makes the link as another user would. */
function made({ folder, name }: { folder: string; name: string }, uid = ann, to = name): string {
  symlinkSync(to, join(folder, name))
  lchownSync(join(folder, name), uid, uid)
  return name
}

test.runIf(isRoot)('who makes the link is known by it from then on', () => {
  const { peers, clock } = makePeers()
  const asked = peers.challenge()
  expect(statSync(asked.folder).mode & 0o7777).toBe(0o1730)
  expect(peers.uidOf(made(asked))).toBe(ann)
  expect(readdirSync(asked.folder)).toEqual([])
  expect(readdirSync(`${asked.folder}.taken`)).toEqual([])
  expect(statSync(`${asked.folder}.taken`).mode & 0o7777).toBe(0o700)
  clock.at += 3_000_000
  expect(peers.uidOf(asked.name)).toBe(ann)
  clock.at += 4_000_000
  expect(() => peers.uidOf(asked.name)).toThrow('ask for a name first')
})

test.runIf(isRoot)(
  'nobody is known by a name that was not given, that is late, or whose link is of root or leads elsewhere',
  () => {
    const { peers, clock } = makePeers()
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
  const { peers } = makePeers()
  const names = Array.from({ length: 51 }, () => made(peers.challenge()))
  for (const name of names) peers.uidOf(name)
  expect(() => peers.uidOf(names[0])).toThrow('ask for a name first')
  expect(peers.uidOf(names[1])).toBe(ann)
})

test.runIf(isRoot)('names are not looked at in a folder of somebody else, or where a link leads', () => {
  for (const name of ['peers', 'peers.taken'])
    for (const make of [
      (path: string) => mkdirSync(path),
      (path: string) => symlinkSync('socket-folder', path),
      (path: string) => writeFileSync(path, ''),
    ]) {
      const { peers, folder } = makePeers()
      mkdirSync(join(folder, 'socket-folder'))
      make(join(folder, name))
      lchownSync(join(folder, name), ann, ann)
      expect(() => peers.challenge()).toThrow(`${name} is no folder of the user of hdsync`)
    }
})

test.runIf(isRoot)('who asks for many names keeps nobody from proving who they are', () => {
  const { peers } = makePeers()
  const oldest = made(peers.challenge())
  const { folder } = peers.challenge()
  for (let n = 0; n < 999; n++) peers.challenge()
  expect(() => peers.uidOf(oldest)).toThrow('ask for a name first')
  expect(readdirSync(folder)).not.toContain(oldest)
  expect(peers.uidOf(made(peers.challenge()))).toBe(ann)
})
