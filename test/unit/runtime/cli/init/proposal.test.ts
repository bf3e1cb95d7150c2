import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Choices, defaultChoices, draft } from '../../../../../runtime/cli/init/choices.ts'
import { documentOf } from '../../../../../runtime/cli/init/document.ts'
import { candidateAt, withTarget } from '../../../../../runtime/cli/init/folder.ts'
import { type Proposal, propose } from '../../../../../runtime/cli/init/proposal.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import { machines, surveyOf } from '../../host/machines.ts'

const proposalOf = (machine: string) => propose(surveyOf(machine))
const sourcesOf = (machine: string) =>
  proposalOf(machine).sources.map(({ name, at, lv }) => `${name}: ${lv ?? at}`)
const targetsOf = (machine: string) =>
  proposalOf(machine).targets.map(({ at, path, mounted, likely }) => ({ at, path, mounted, likely }))
const configOf = (proposal: Proposal, choices: Choices) =>
  parseConfig(documentOf(draft(proposal, choices), '/schema.json'), 'hdsync.yaml')

describe('propose()', () => {
  test('takes volumes by snapshots, the rest as it is, and the second disk for backups', () => {
    expect(sourcesOf('classic')).toEqual([
      'root: vg01/lv_root',
      'boot: /boot',
      'var: vg01/lv_var',
      'home: vg01/lv_home',
    ])
    expect(targetsOf('classic')).toEqual([
      { at: '/mnt/hdd1', path: '/dev/sdb1', mounted: true, likely: true },
    ])
  })

  test('estimates the room of a snapshot from the free extents', () => {
    const [root] = proposalOf('classic').sources
    expect(root?.snapshotBytes).toBe(2 * 1024 ** 3)
    expect(proposalOf('thin-pool').sources.map(({ lv, snapshotBytes }) => [lv, snapshotBytes])).toEqual([
      ['vg01/lv_root', 2 * 1024 ** 3],
      ['vg01/lv_srv', null],
      [null, null],
    ])
  })

  test('copies what can have no snapshot as it is, and says so', () => {
    expect(sourcesOf('no-free-extents')).toEqual(['root: /', 'boot: /boot', 'var: /var', 'home: /home'])
    expect(proposalOf('no-free-extents').warnings).toHaveLength(3)
    expect(proposalOf('no-free-extents').warnings[0]).toBe(
      '/ (vg01/lv_root) is copied while it is in use: vg01 has no free extents for a snapshot; free some, then write `lv: vg01/lv_root`',
    )
  })

  test('takes a disk that is mounted nowhere, and gives it a place', () => {
    expect(targetsOf('thin-pool')).toEqual([
      { at: '/mnt/backup', path: '/dev/nvme1n1', mounted: false, likely: true },
    ])
    expect(targetsOf('btrfs-root')).toEqual([
      { at: '/mnt/Backup_2024', path: '/dev/sda1', mounted: false, likely: true },
    ])
    const elsewhere = propose(surveyOf('thin-pool'), (path) => path !== '/mnt/backup')
    expect(elsewhere.targets[0]?.at).toBe('/mnt/backup-nvme1n1')
  })

  test('takes every subvolume of btrfs for itself', () => {
    expect(sourcesOf('btrfs-root')).toEqual(['root: /', 'home: /home', 'log: /var/log', 'efi: /boot/efi'])
  })

  test('looks through encryption, and tells of what is closed', () => {
    expect(sourcesOf('luks')[0]).toBe('root: laptop-vg/root')
    expect(targetsOf('luks')[0]?.path).toBe('/dev/mapper/backup')
    expect(proposalOf('luks').leftOut).toEqual([
      { what: '/dev/sda1', why: expect.stringContaining('encrypted and closed') },
    ])
  })

  test('takes no disk of a RAID that a source lies on, and the larger of two others first', () => {
    expect(targetsOf('md-raid').map(({ at }) => at)).toEqual(['/backup', '/backup2'])
    expect(defaultChoices(proposalOf('md-raid'))).toMatchObject({ target: 'backup', archive: 'backup2' })
  })

  test('takes what can be pulled out only when it is told to', () => {
    expect(sourcesOf('usb-stick')).toEqual(['root: /'])
    expect(targetsOf('usb-stick')).toEqual([
      { at: '/media/ann/My Passport', path: '/dev/sdc1', mounted: true, likely: false },
    ])
    expect(defaultChoices(proposalOf('usb-stick'))).toBeUndefined()
    expect(proposalOf('usb-stick').leftOut).toEqual([
      { what: '/media/ann/STICK', why: expect.stringContaining('vfat keeps no owners') },
    ])
  })

  test('leaves out the network, and says so', () => {
    expect(sourcesOf('nfs-mount')).toEqual(['root: /', 'data: /srv/data'])
    expect(proposalOf('nfs-mount').leftOut.map(({ what }) => what)).toEqual(['/home', '/mnt/win'])
  })

  test('leaves out overlays, bind mounts and images without a word, and what lies in a file with one', () => {
    expect(sourcesOf('docker')).toEqual([
      'root: ubuntu-vg/ubuntu-lv',
      'boot: /boot',
      'docker: /var/lib/docker',
    ])
    expect(proposalOf('docker').leftOut.map(({ what }) => what)).toEqual(['/srv/image'])
  })

  test('finds no place for backups where everything lies on one disk', () => {
    expect(proposalOf('one-partition').targets).toEqual([])
    expect(defaultChoices(proposalOf('one-partition'))).toBeUndefined()
  })
})

describe('the config of a proposal', () => {
  test('leaves out of a directory what is another source, a target, temporary, or written by hdsync', () => {
    const proposal = proposalOf('cloud-vm')
    const choices = defaultChoices(proposal)
    expect(choices && configOf(proposal, choices).sources.root).toMatchObject({
      path: '/',
      exclude: expect.arrayContaining(['/boot/efi/*', '/mnt/data/*', '/tmp/*', '/var/lib/hdsync/']),
    })
  })

  test.each(machines)('loads without problems on %s, whatever is chosen', (machine) => {
    const survey = surveyOf(machine)
    const found = propose(survey)
    const folder = candidateAt('/tmp', found, survey)
    if (typeof folder === 'string') throw new Error(folder)
    const proposal = withTarget(found, folder)
    const targets = fc.constantFrom(...proposal.targets.map(({ name }) => name))
    const choices = fc.record({
      sources: fc.subarray(
        proposal.sources.map(({ name }) => name),
        { minLength: 1 },
      ),
      target: targets,
      archive: fc.option(targets),
    })
    fc.assert(
      fc.property(choices, (chosen) => {
        const config = configOf(proposal, chosen)
        expect(Object.keys(config.sources)).toEqual(chosen.sources)
        expect(config.archive?.target ?? null).toBe(chosen.archive)
        expect(config.warnings).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('has a remark on each source and target, and tells editors of the schema', () => {
    const proposal = proposalOf('classic')
    const choices = defaultChoices(proposal)
    const text = choices ? documentOf(draft(proposal, choices), '/schema.json') : ''
    expect(text).toMatch(/^# yaml-language-server: \$schema=\/schema\.json\n/)
    expect(text).toContain('  # /var: reiserfs, 9 GiB in use, by a snapshot of 4 GiB at first\n  var:')
    expect(text).toContain('  # /dev/sdb1: ext3, 112 GiB free;')
  })
})

describe('draft()', () => {
  test('warns of a target that is too small, or lies with its sources', () => {
    const survey = surveyOf('one-partition')
    const found = propose(survey)
    const folder = candidateAt('/tmp', found, survey)
    if (typeof folder === 'string') throw new Error(folder)
    const proposal = withTarget(found, { ...folder, freeBytes: 1024 })
    const { warnings, sources } = draft(proposal, { sources: ['root'], target: folder.name, archive: null })
    expect(warnings).toEqual([
      '/tmp has room for 1 KiB, the sources hold 11 GiB: choose fewer, or a larger disk',
      '/tmp is on the disk of root: both would be lost together',
    ])
    expect(sources[0]?.exclude).toContain('/tmp/*')
  })
})

test('draft() leaves out what was not chosen: else each night would tell that it is in no backup', () => {
  const proposal = proposalOf('no-free-extents')
  const excludeOf = (...sources: string[]) =>
    draft(proposal, { sources, target: 'hdd1', archive: null }).sources[0]?.exclude
  for (const others of [[], ['boot', 'var', 'home']]) {
    expect(excludeOf('root', ...others)).toEqual(expect.arrayContaining(['/boot/*', '/var/*', '/home/*']))
  }
})

describe('candidateAt()', () => {
  const survey = surveyOf('nfs-mount')
  const at = (place: string) => candidateAt(place, propose(survey), survey)

  test('takes a mounted file system by its place or its device, which is no source then', () => {
    expect(at('/dev/vdb')).toMatchObject({ at: '/srv/data', device: expect.stringContaining('UUID=') })
    const target = at('/srv/data')
    if (typeof target === 'string') throw new Error(target)
    expect(withTarget(propose(survey), target).sources.map(({ name }) => name)).toEqual(['root'])
  })

  test.each([
    ['/', 'It takes the path of a folder'],
    ['backup', 'It takes the path of a folder'],
    ['/no/such/folder', 'There is no folder'],
  ])('says what is wrong with %s', (place, why) => expect(at(place)).toContain(why))
})
