import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bootId } from '../../../../../runtime/host/boots.ts'
import { Ledger, mountOfEntry } from '../../../../../runtime/host/mount/ledger.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const entry = { run: 'run1', at: '/mnt/hdd1', device: '8:17' }

describe('Ledger', () => {
  test('knows none before the first mount', () => {
    expect(new Ledger(join(temporaryFolder(), 'run')).entries()).toEqual([])
  })

  test('keeps a mount until it is struck, over a restart', () => {
    const folder = join(temporaryFolder(), 'run')
    new Ledger(folder).record(entry)
    new Ledger(folder).record({ ...entry, at: '/mnt/hdd1/a dir%2F' })
    expect(new Ledger(folder).entries()).toMatchObject([entry, { ...entry, at: '/mnt/hdd1/a dir%2F' }])
    new Ledger(folder).strike('/mnt/hdd1')
    expect(new Ledger(folder).entries()).toMatchObject([{ at: '/mnt/hdd1/a dir%2F' }])
    expect(() => new Ledger(folder).strike('/mnt/hdd1')).not.toThrow()
  })

  test('has one entry for each place, the latest', () => {
    const ledger = new Ledger(temporaryFolder())
    ledger.record(entry)
    ledger.record({ ...entry, run: 'run2' })
    expect(ledger.entries()).toMatchObject([{ run: 'run2' }])
  })

  test('does not know mounts of before the machine started, nor what a crash has torn', () => {
    const folder = temporaryFolder()
    const ledger = new Ledger(folder)
    ledger.record(entry)
    const write = (name: string, text: string) => writeFileSync(join(folder, 'mounts', name), text)
    write(
      'earlier',
      JSON.stringify({ ...entry, at: '/mnt/old', bootId: '4d7e6c1c-0000-0000-0000-000000000000' }),
    )
    write('torn', JSON.stringify({ ...entry, bootId: bootId() }).slice(0, 20))
    write('empty', '')
    mkdirSync(join(folder, 'mounts', 'folder'))
    expect(ledger.entries()).toMatchObject([entry])
    expect(ledger.entries()).toHaveLength(1)
  })

  test('is for its owner alone', () => {
    const folder = join(temporaryFolder(), 'run')
    new Ledger(folder).record(entry)
    const [file = ''] = readdirSync(join(folder, 'mounts'))
    expect(statSync(join(folder, 'mounts')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'mounts', file)).mode & 0o777).toBe(0o600)
  })

  test('takes a place with a very long name', () => {
    const at = `/mnt/${'ein sehr langer Ordner/'.repeat(15)}`
    const ledger = new Ledger(temporaryFolder())
    ledger.record({ ...entry, at })
    expect(ledger.entries()).toMatchObject([{ at }])
  })
})

describe('mountOfEntry()', () => {
  const shownAt = (at: string) =>
    parseMountinfo(`28 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 28 0:45 / ${at} rw - btrfs /dev/gone rw\n`)

  test('finds what was mounted, though it shows another number than its device', () => {
    const at = temporaryFolder()
    const shown = shownAt(at)
    expect(mountOfEntry({ run: 'run1', at, device: '8:17', shown: '0:45' }, shown)?.at).toBe(at)
    expect(mountOfEntry({ run: 'run1', at, device: '8:17' }, shown)).toBeUndefined()
    expect(mountOfEntry({ run: 'run1', at, device: '0:45' }, shown)?.at).toBe(at)
  })

  test('finds it through a link, as earlier versions have written it', () => {
    const at = temporaryFolder()
    const link = join(temporaryFolder(), 'backup')
    symlinkSync(at, link)
    expect(mountOfEntry({ run: 'run1', at: link, device: '0:45' }, shownAt(at))?.at).toBe(at)
  })
})
