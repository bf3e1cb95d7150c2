import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { archiveOf, makeLoopback, noUsers, sendWhole } from './loopback.ts'

test.skipIf(noUsers)(
  'a host with a user of its own sends through the daemon, and reaches nothing that was accepted',
  async () => {
    const host = `t${randomBytes(4).toString('hex')}`
    const there = await makeLoopback({ host, hosts: `{ ${host}: {}, other: {} }`, own: false })
    const first = archiveOf(there.folder, randomBytes(300_000))
    const alone = await there.ask({ v: 1, do: 'offer', archive: first.archive })
    expect(alone.answer, alone.err).toMatchObject({ ok: false, isFinal: false })
    expect(alone.err).toContain('hdsync serve has to run on the vault')

    await there.serve()
    const one = await sendWhole(there, first)
    expect(one.proved).toMatchObject(first.archive)
    const changed = archiveOf(there.folder, Buffer.concat([randomBytes(1000), readFileSync(first.file)]))
    const two = await sendWhole(there, changed)
    expect(two.offered.laidBytes).toBe(300_000)
    expect(two.sentBytes).toBeLessThan(20_000)
    const { answer } = await there.ask({ v: 1, do: 'status' })
    expect(answer).toMatchObject({ host, copies: [first.archive, changed.archive] })
    // In a session too, for itself alone.
    const session = await there.ssh('{"v":2,"do":"session"}', '{"v":2,"do":"status"}\n')
    expect(JSON.parse(session.out)).toEqual({
      ...answer,
      v: 2,
      now: expect.any(String),
      freeBytes: expect.any(Number),
    })

    const accepted = join(there.vault, host, 'accepted')
    const files = readdirSync(join(accepted, 'home')).map((name) => join(accepted, 'home', name))
    expect(files).toHaveLength(2)
    for (const file of files)
      expect(lstatSync(file)).toMatchObject({
        uid: 0,
        mode: expect.toSatisfy((mode: number) => (mode & 0o222) === 0),
      })
    const asUser = (...argv: string[]) =>
      execFileSync(
        'setpriv',
        ['--reuid', `hdsync-${host}`, '--regid', `hdsync-${host}`, '--init-groups', ...argv],
        {
          encoding: 'utf8',
          stdio: 'pipe',
        },
      )
    for (const argv of [
      ['ls', accepted],
      ['cat', files[0] ?? ''],
      ['cat', join(there.vault, host, 'record.jsonl')],
      ['touch', join(there.vault, host, 'base', 'new')],
      ['touch', join(there.vault, host, '.ssh', 'authorized_keys')],
      ['ls', there.vault],
    ])
      expect(() => asUser(...argv), argv.join(' ')).toThrow('Permission denied')

    // Whoever is not the user of a host holds no lock of senders.
    const slot = join(there.vault, '.slots/0')
    asUser('flock', '--nonblock', slot, 'true')
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
    expect(() =>
      execFileSync('setpriv', [...nobody, 'flock', '--nonblock', slot, 'true'], { stdio: 'pipe' }),
    ).toThrow('Permission denied')

    const second = `hdsync-${host}b`
    onTestFinished(() => void execFileSync('userdel', [second], { stdio: 'ignore' }))
    execFileSync('useradd', ['--system', '--no-user-group', '--gid', `hdsync-${host}`, second])
    expect(await there.hdsync('vault', 'add-host', 'other', '--user', `hdsync-${host}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`is the user of ${host}`),
    })
    expect(await there.hdsync('vault', 'add-host', 'other', '--user', second)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`hdsync-${host} could read the copies of other`),
    })
  },
)
