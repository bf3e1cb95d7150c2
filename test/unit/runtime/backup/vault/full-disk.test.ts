import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { admit, noteSent } from '../../../../../runtime/backup/vault/admit.ts'
import { archiveOf, vaultInProcess } from './in-process.ts'

const noMounts = process.getuid?.() === 0 ? undefined : 'only root mounts a file system'
const mib = 1024 ** 2

/** A vault on a small file system of its own. @param options As mount(8) takes them. */
function vaultOnDisk(options: string) {
  const mounted: string[] = []
  const vault = vaultInProcess({ web1: {} }, (folder) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
    mounted.push(folder)
  })
  onTestFinished(() => void execFileSync('umount', mounted))
  const filler = join(vault.path, 'filler')
  return {
    ...vault,
    /** Leaves nothing free. */
    fill: () => void spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k', 'status=none']),
    empty: () => rmSync(filler),
    types: () => vault.events.map(({ definition }) => definition.type),
    accepted: (source = 'home') =>
      readdirSync(join(vault.path, 'web1/accepted', source)).map((name) =>
        readFileSync(join(vault.path, 'web1/accepted', source, name)),
      ),
  }
}

test.skipIf(noMounts)(
  'a disk without room is told of before a byte has come, and takes the archive once there is room',
  async () => {
    const vault = vaultOnDisk('size=72m')
    const first = randomBytes(4 * mib)
    expect((await vault.send(first)).ok).toBe(true)
    const bytes = randomBytes(5 * mib)
    const refused = await vault.send(bytes)
    expect(refused).toMatchObject({
      ok: false,
      isFinal: false,
      error: expect.stringContaining('the disk of the vault is full: home takes'),
    })
    expect(readdirSync(join(vault.path, 'web1/incoming'))).toEqual([])
    expect(vault.types()).toEqual(['vault.accepted', 'vault.full'])
    execFileSync('mount', ['-o', 'remount,size=90m', vault.path])
    expect((await vault.send(bytes)).ok).toBe(true)
    expect(
      vault
        .accepted()
        .map((one) => one.length)
        .sort(),
    ).toEqual([4 * mib, 5 * mib])
  },
)

test.skipIf(noMounts)(
  'a disk that is full as an archive is accepted tears nothing: it is accepted by the next attempt',
  async () => {
    const vault = vaultOnDisk('size=80m')
    const bytes = randomBytes(mib)
    const archive = archiveOf(bytes)
    const { name } = await vault.ask({ do: 'offer', archive })
    await admit('web1', name, vault.tools)
    writeFileSync(vault.incoming(name), bytes)
    await noteSent('web1', { name, newBytes: mib }, vault.tools)
    vault.fill()
    for (let n = 0; n < 2; n += 1)
      expect(await vault.ask({ do: 'prove', archive })).toMatchObject({
        ...{
          ok: false,
          isFinal: false,
          error: expect.stringMatching(/^the disk of the vault is full \(ENOSPC.*what has come stays$/),
        },
      })
    expect(vault.types()).toContain('vault.full')
    expect(await vault.copies()).toEqual([])
    vault.empty()
    expect((await vault.ask({ do: 'prove', archive })).ok).toBe(true)
    expect(vault.accepted().map((one) => one.equals(bytes))).toEqual([true])
    expect(await vault.copies()).toHaveLength(1)
  },
)

test.skipIf(noMounts)(
  'a disk without inodes refuses in words, and takes the archive once there are some',
  async () => {
    const vault = vaultOnDisk('size=200m,nr_inodes=1005')
    const bytes = randomBytes(1000)
    expect((await vault.send(bytes)).error).toMatch(/^the disk of the vault has no inodes left \(\d+\)$/)
    expect(vault.types()).toEqual(['vault.full'])
    execFileSync('mount', ['-o', 'remount,nr_inodes=5000', vault.path])
    expect((await vault.send(bytes)).ok).toBe(true)
  },
)
