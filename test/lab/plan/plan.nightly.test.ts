import { beforeAll, describe, expect, it } from 'vitest'
import { describeNight } from '../night.ts'
import { expectTruth, planned } from './truth.ts'

describeNight('a server that has been backed up once', planned, (night) => {
  beforeAll(async () => expect((await night.run()).code).toBe(0))

  describe('hdsync plan', () => {
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
  })

  describe('hdsync init', () => {
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
