import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { archiveOf, vaultInProcess } from './in-process.ts'

const nobody = 65_534

/** Why a vault on this file system cannot be tried; undefined where it can. */
function whyNot(type: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root mounts a file system'
  if (spawnSync(`mkfs.${type}`, ['-V']).error) return `mkfs.${type} is not installed`
  const known = readFileSync('/proc/filesystems', 'utf8').includes(`\t${type}\n`)
  return known ? undefined : `the kernel has no ${type}`
}

/** A vault on a file system of this type, whose host has a user of its own. */
function vaultOn(type: string) {
  const image = join(temporaryFolder(), 'image')
  execFileSync('truncate', ['--size=400M', image])
  execFileSync(`mkfs.${type}`, [type === 'ext4' ? '-q' : '-f', image], { stdio: 'pipe' })
  const mounted: string[] = []
  const vault = vaultInProcess({ web1: {} }, (path) => {
    execFileSync('mount', ['-o', 'loop,nosuid,nodev,noexec', image, path])
    mounted.push(path)
  })
  onTestFinished(() => void execFileSync('umount', ['-l', ...mounted]))
  execFileSync('chmod', ['755', vault.folder])
  chownSync(join(vault.path, 'web1/incoming'), nobody, nobody)
  execFileSync('chgrp', [String(nobody), join(vault.path, 'web1/base')])
  execFileSync('chmod', ['750', join(vault.path, 'web1/base')])
  return {
    ...vault,
    base: (name: string) => join(vault.path, 'web1/base', name),
    /** As the user of the host would bring it. */
    came(name: string, bytes: Uint8Array) {
      writeFileSync(vault.incoming(name), bytes)
      chownSync(vault.incoming(name), nobody, nobody)
    },
    accepted: () =>
      readdirSync(join(vault.path, 'web1/accepted/home')).map((name) =>
        join(vault.path, 'web1/accepted/home', name),
      ),
    /** @returns What was said of it; undefined where the user of the host could do it. */
    asHost(...argv: string[]) {
      const who = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups', '--']
      const { status, stderr } = spawnSync('setpriv', [...who, ...argv], { encoding: 'utf8' })
      return status === 0 ? undefined : stderr
    },
  }
}

for (const type of ['ext4', 'xfs', 'btrfs']) {
  test.skipIf(whyNot(type))(`on ${type} a host adds, and changes nothing that was accepted`, async () => {
    const vault = vaultOn(type)
    const old = randomBytes(300_000)
    const first = archiveOf(old)
    await vault.ask({ do: 'offer', archive: first })
    vault.came(first.sha256, old)
    // Whoever has it open could write to it later. A lease tells on each of these.
    const open = openSync(vault.incoming(first.sha256), 'r+')
    expect((await vault.ask({ do: 'prove', archive: first })).error).toContain('has what came open')
    closeSync(open)
    expect((await vault.ask({ do: 'prove', archive: first })).ok).toBe(true)
    const [file = ''] = vault.accepted()
    expect(lstatSync(file)).toMatchObject({ uid: 0, nlink: 1 })

    const news = archiveOf(randomBytes(200_000))
    expect((await vault.ask({ do: 'offer', archive: news })).laidBytes).toBe(old.length)
    // What is laid to go on from is a further name of the copy: no room, and no reflink, is needed for it.
    const base = vault.base(news.sha256)
    expect(lstatSync(base)).toMatchObject({ ino: lstatSync(file).ino, nlink: 2 })
    expect(vault.asHost('cat', base)).toBeUndefined()
    for (const argv of [
      ['dd', 'if=/dev/zero', `of=${base}`, 'bs=1', 'count=1', 'conv=notrunc'],
      ['chmod', '666', base],
      ['rm', '-f', base],
      ['cat', file],
      ['truncate', '--size=0', file],
      ['touch', '--date=1999-01-01', base],
    ])
      expect(vault.asHost(...argv), argv.join(' ')).toMatch(/denied|not permitted/)

    // With fs.protected_hardlinks = 0 the host could give the copy a name of its own, and offer that.
    linkSync(base, vault.incoming(news.sha256))
    expect((await vault.ask({ do: 'prove', archive: news })).ok).toBe(false)
    expect(readFileSync(file).equals(old)).toBe(true)
    expect(lstatSync(file)).toMatchObject({
      uid: 0,
      mode: expect.toSatisfy((mode: number) => (mode & 0o222) === 0),
    })
    expect(await vault.copies()).toHaveLength(1)
  })
}
