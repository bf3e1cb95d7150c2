import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fingerprint } from '../fingerprint.ts'
import type { Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { archives } from './failures.ts'
import { config, docs, nothing, other, targets, told, volume } from './server.ts'

export function failuresOtherwise(night: Night): void {
  it('but makes room by what an archive has, where a large file only got another name', async () => {
    const { machine } = night
    const large = '  large: { path: /srv/large, target: tiny, maxDelete: 100% }'
    await night.configure(config(large, { targets, rest: 'archive: { target: hdd9 }' }))
    await machine.ok('head -c 4M /dev/urandom > /srv/large/movie')
    expect((await night.run()).code).toBe(0)
    await machine.ok('mv /srv/large/movie /srv/large/film')
    const { code, result } = await night.run()
    expect([code, result.sources[0]]).toEqual([0, expect.objectContaining({ filesDeleted: 1 })])
    expect(await machine.ok('ls /look/tiny/large; cmp /srv/large/film /look/tiny/large/film')).toBe(
      'file\nfilm',
    )
    await machine.ok('rm /srv/large/film')
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('an archive that did not fit, and keeps that of last week', async () => {
    const { machine } = night
    const setting = { targets, rest: 'archive: { target: attic }' }
    await night.configure(config('  large: { path: /srv/large, target: hdd1 }', setting))
    const first = await night.run()
    expect(first.code).toBe(0)
    const archive = first.result.sources[0]?.archive?.replace('/mnt', '/look')
    const before = await machine.ok(archives)

    await machine.ok('head -c 12M /dev/urandom > /srv/large/random')
    const { code, result } = await night.run()
    expect(code).toBe(1)
    expect(told(result).large).toMatch(/^failed: archive.weekly: .*no space left on device/i)
    expect(await machine.ok(archives)).toBe(before)
    expect(await machine.ok(`tar -tf ${archive}; ls -A $(dirname ${archive})`)).toBe(
      'large/\nlarge/file\nlarge.tar.zst',
    )
    expect(await fingerprint(machine, '/look/hdd1/large')).toBe(await fingerprint(machine, '/srv/large'))
    expect(await leftovers(machine)).toEqual(nothing)
    await machine.ok('rm /srv/large/random')
  })

  it('a night without rsync, and tells what to install', async () => {
    const { machine } = night
    await night.configure(config([volume('var'), other].join('\n')))
    await machine.ok('mv /usr/bin/rsync /usr/bin/rsync.away')
    const { code, result } = await night.run()
    await machine.ok('mv /usr/bin/rsync.away /usr/bin/rsync')
    expect(code).toBe(1)
    const missing = 'failed: sync.run: rsync is not installed (apt-get install rsync)'
    expect(told(result)).toEqual({ var: missing, other: missing })
    expect(await leftovers(machine)).toEqual(nothing)
  })
}

export function strangersOtherwise(night: Night): void {
  it('to let a hook change how the night went', async () => {
    const { machine } = night
    const hook = '/usr/local/bin/page-me'
    await machine.ok(
      `printf '#!/bin/sh\\nenv > /run/hook.env; cat > /run/hook.in\\n' > ${hook}; chmod 755 ${hook}`,
    )
    const notify = `notify:
  - { exec: [${hook}] }
  - { exec: [/bin/false] }
  - { exec: [/bin/sleep, '1000'], timeout: 1s }
  - { exec: [/nowhere/at/all] }`
    await night.configure(config(docs, { rest: notify }))
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(result.state).toBe('succeeded')
    const event = JSON.parse(await machine.ok('cat /run/hook.in'))
    const { kind: _, ...data } = result
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'run.succeeded',
      runid: result.run,
      data,
    })
    expect((await machine.ok('grep ^HDSYNC_ /run/hook.env')).split('\n')).toEqual(
      expect.arrayContaining([
        'HDSYNC_EVENT=run.succeeded',
        `HDSYNC_EVENT_ID=${event.id}`,
        `HDSYNC_RUN=${result.run}`,
        'HDSYNC_SOURCE=',
        'HDSYNC_STATE=succeeded',
        `HDSYNC_TIME=${event.time}`,
      ]),
    )
    expect(await machine.ok('hdsync show')).toMatch(/sleep.*took longer than 1 s|sleep took longer/)
  })

  it('a config with names that are options or commands', async () => {
    for (const sources of [
      '  "a;touch pwned": { path: /srv/docs, target: hdd1 }',
      '  var: { lv: vg01/-lv_var, target: hdd1 }',
      '  var: { lv: "vg01/lv_var;touch pwned", target: hdd1 }',
    ]) {
      await night.configure(config(sources))
      expect((await night.hdsync('run')).code).toBe(2)
    }
  })

  it('while another one is at work', async () => {
    await night.configure(config(docs))
    await night.machine.ok('date > /srv/docs/changed')
    const rsync = await night.hold('rsync')
    const first = night.run()
    await rsync.reached()
    const { code, stdout, stderr } = await night.hdsync('run')
    await rsync.go()
    expect(code).toBe(4)
    expect(stdout).toBe('')
    expect(stderr).toMatch(
      /another hdsync \(process \d+\) is at work on \/var\/lib\/hdsync: nothing was started/,
    )
    expect((await first).code).toBe(0)
    expect(told((await first).result)).toEqual({ docs: 'succeeded' })
  })

  it('functions that others could have written, and runs those of root', async () => {
    const { machine } = night
    const file = '/etc/hdsync/functions/tell.ts'
    writeFileSync(
      join(machine.dir, 'tell.ts'),
      `import { writeFileSync } from 'node:fs'
      import { defineFunction, runSucceeded } from 'hdsync'

      export default defineFunction({
        on: runSucceeded,
        emits: [],
        run({ data }): void {
          writeFileSync('/run/told', \`\${data.run} \${data.state}\`)
        },
      })`,
    )
    await machine.ok(`install -D -m 666 /run/lab/tell.ts ${file}`)
    const without = await night.run()
    expect(without.code).toBe(3)
    expect(told(without.result)).toEqual({ docs: 'succeeded' })
    const warned = await machine.ok(`hdsync show ${without.result.run}`)
    expect(warned).toContain(`${file}: expected a file that only root can write, found mode 0666`)
    expect(warned).toContain(`chmod go-w ${file}`)
    await machine.ok('test ! -e /run/told')

    await machine.ok(`chmod 644 ${file}`)
    const { code, result } = await night.run()
    expect(code).toBe(0)
    expect(await machine.ok('cat /run/told')).toBe(`${result.run} succeeded`)
    await machine.ok(`rm ${file}`)
  })

  // Rule 7: no shell ever sees a word of the config.
  it('to read names as commands', async () => {
    const { machine } = night
    const evil = '/srv/$(touch pwned); touch pwned #`touch pwned`'
    await machine.ok(`mkdir '${evil}'; echo kept > '${evil}/file'`)
    await night.configure(
      config(`  odd: { path: '${evil}', target: hdd1, exclude: ['$(touch pwned)', '; touch pwned'] }`, {
        rest: `notify: [{ exec: [/usr/bin/touch, '/run/$(touch pwned)'] }]`,
      }),
    )
    expect((await night.run()).code).toBe(0)
    expect(
      await machine.ok(
        "cat /look/hdd1/odd/file; ls '/run/$(touch pwned)'; find / /root /run /srv /tmp /var/lib/hdsync -ignore_readdir_race -maxdepth 2 -name pwned",
      ),
    ).toBe('kept\n/run/$(touch pwned)')
  })
}
