import { describe, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { expectTruth, plan, planned } from './truth.ts'

describeNight('a server that nobody has backed up yet', planned, (night) => {
  describe('hdsync plan', () => {
    it('tells the commands of the first night, word by word and in their order', async () => {
      const { planned: lines } = await expectTruth(night)
      expect(lines).toEqual(
        expect.arrayContaining([expect.stringMatching(/^mount -t ext3 -o nodev,nosuid -- /)]),
      )
      expect(lines.join('\n')).toContain(`'--exclude=it'\\''s'`)
    })

    it('tells those of the second, whose snapshots have the size that the first has taught', async () => {
      await night.machine.ok('head -c 8M /dev/urandom > /srv/var/large; echo more >> /srv/home/one')
      const { done, dry, unchanged } = await expectTruth(night)
      expect(done.join('\n')).toMatch(/--max-delete=[1-9]/)
      expect(dry).toEqual([])
      expect(unchanged).toEqual(['plain'])
    })

    it('tells those of a mirror that is compared by contents', async () => {
      await night.machine.ok(`node - <<'JS'
      const { DatabaseSync } = require('node:sqlite')
      const database = new DatabaseSync('/var/lib/hdsync/hdsync.db')
      const data = JSON.stringify({ source: 'home', reason: 'a test' })
      const newest = "(SELECT max(seq) FROM event WHERE type = 'source.synced' AND subject = 'home')"
      database.prepare("UPDATE event SET type = 'mirror.suspect', data = ? WHERE seq = " + newest).run(data)\nJS`)
      const { done, dry } = await expectTruth(night)
      expect(done.filter((line) => line.includes('--checksum'))).toHaveLength(1)
      // How many files a suspect mirror has, nobody knows.
      expect(dry).toHaveLength(1)
      expect(dry.join()).not.toContain('--checksum')
    })

    it('executes none of them', async () => {
      const state = () =>
        night.machine.ok(
          'lvs --noheadings -o lv_name,lv_time; cat /proc/mounts; ls -la /mnt/*; hdsync runs --json',
        )
      const before = await state()
      await plan(night)
      expect(await state()).toBe(before)
    })
  })

  describe('hdsync init', () => {
    it('proposes what this machine has', async () => {
      const { sources } = JSON.parse(await night.machine.ok('hdsync init --json'))
      const volumes = sources.filter(({ lv }: { lv: string | null }) => lv)
      expect(volumes).toMatchObject([
        { name: 'var', at: '/srv/var', lv: 'vg01/lv_var', type: 'reiserfs', snapshotBytes: 64 * 2 ** 20 },
        { name: 'home', at: '/srv/home', lv: 'vg01/lv_home', type: 'ext3', snapshotBytes: 56 * 2 ** 20 },
      ])
    })

    it('leaves the config alone that is there', async () => {
      const before = await night.machine.ok('cat /etc/hdsync/hdsync.yaml')
      const { code, stderr } = await night.hdsync('init', '--yes')
      expect(code).toBe(2)
      expect(stderr).toContain('/etc/hdsync/hdsync.yaml is there already')
      expect(await night.machine.ok('cat /etc/hdsync/hdsync.yaml')).toBe(before)
    })

    it('writes one that a backup can be made with at once', async () => {
      const config = '/run/new/hdsync.yaml'
      const said = await night.machine.ok(`hdsync init --yes --config ${config} --target /dev/vdd`)
      expect(said).toContain('/mnt/spare is target spare now')
      const checked = await night.hdsync('check', '--json', '--config', config)
      const { findings } = JSON.parse(checked.stdout) as { findings: { id: string; severity: string }[] }
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
      const { code, result } = await night.run('run', 'home', 'var', '--config', config)
      expect(result.sources.map(({ source, state }) => [source, state])).toEqual([
        ['var', 'succeeded'],
        ['home', 'succeeded'],
      ])
      expect(code).toBe(0)
      expect(
        await night.machine.ok('stat -c %a /run/new/hdsync.yaml; cat /proc/mounts | grep -c spare || true'),
      ).toBe('600\n0')
    })
  })
})
