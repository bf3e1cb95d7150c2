import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mountHolder } from '../../../../../runtime/host/mount/mount-holder.ts'

const root = '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n'
const snapshot = '40 21 254:4 / /var/lib/box/snap ro - ext3 /dev/mapper/vg01-hdsync_var ro\n'

describe('mountHolder()', () => {
  let proc: string

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'hdsync-proc-'))
    mkdirSync(join(proc, 'sys'))
  })
  afterEach(() => rmSync(proc, { recursive: true }))

  function addProcess(pid: number, mountinfo: string, namespace?: string, at = '/') {
    const folder = join(proc, String(pid))
    mkdirSync(join(folder, 'ns'), { recursive: true })
    writeFileSync(join(folder, 'mountinfo'), mountinfo)
    if (!namespace) return
    symlinkSync(`mnt:[${namespace}]`, join(folder, 'ns/mnt'))
    symlinkSync(at, join(folder, 'root'))
  }

  it('finds nothing where the device is not mounted', () => {
    addProcess(1, root, '1')
    expect(mountHolder('254:4', proc)).toBeUndefined()
  })

  it('finds it in the namespace of another process', () => {
    addProcess(1, root, '1')
    addProcess(70, root + snapshot, '2')
    expect(mountHolder('254:4', proc)).toBe('at /var/lib/box/snap, seen by process 70')
  })

  it('asks one process of those that see the same', () => {
    addProcess(1, root, '1')
    addProcess(2, root + snapshot, '1')
    expect(mountHolder('254:4', proc)).toBeUndefined()
  })

  it('asks another one that has a root of its own', () => {
    addProcess(1, root, '1', '/srv/jail')
    addProcess(2, root + snapshot, '1')
    expect(mountHolder('254:4', proc)).toBe('at /var/lib/box/snap, seen by process 2')
  })

  it('asks each process whose namespace it may not know', () => {
    addProcess(1, root)
    addProcess(2, root + snapshot)
    expect(mountHolder('254:4', proc)).toBe('at /var/lib/box/snap, seen by process 2')
  })

  it('passes over a process that has ended meanwhile', () => {
    mkdirSync(join(proc, '5'))
    addProcess(6, root + snapshot, '1')
    expect(mountHolder('254:4', proc)).toBe('at /var/lib/box/snap, seen by process 6')
  })

  it('reads the mounts of this machine', () => {
    expect(mountHolder('9999:9999')).toBeUndefined()
  })
})
