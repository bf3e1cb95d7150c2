import { expect, it } from 'vitest'
import type { Night } from '../night.ts'

/** Each command that looks, once, on what lies on the disks. */
export function commands(night: Night): void {
  const json = async (words: string) => JSON.parse(await night.machine.ok(`hdsync ${words} --json`))

  it('by backups, status and prune', async () => {
    const { machine } = night
    const [first, second, third] = await days(night)
    const points: { id: string; kind: string }[] = await json('backups home')
    expect(points.map(({ id, kind }) => [id, kind])).toEqual([
      ['home@latest', 'mirror'],
      [`home@${third}`, 'weekday'],
      [`home@${second}`, 'weekday'],
      [`home@kept-${first}`, 'kept'],
    ])
    expect(await machine.ok('hdsync status')).toMatch(/^24h ago +home +succeeded +4 /m)
    expect(await machine.ok('hdsync prune --dry-run')).toMatch(
      new RegExp(`^${first} +kept +.* good +daily$`, 'm'),
    )
    // No bytes were written for what is kept.
    expect(await machine.ok(`stat -c %h /mnt/hdd9/kept/${first}/home.tar.zst`)).toBe('1')
  })

  it('by ls, find, versions, diff and cat', async () => {
    const { machine } = night
    const [first, second] = await days(night)
    expect(await machine.ok(`hdsync ls home:odd/mail --at ${second} -R`)).toMatch(/second/)
    expect(await machine.ok(`hdsync find large home --all`)).toMatch(/odd\/mail\/cur\/large/)
    const { versions } = await json('versions data:odd/mail/cur/1')
    expect(versions.map(({ sizeBytes }: { sizeBytes: number }) => sizeBytes)).toHaveLength(3)
    const diff = await json(`diff var:many --from var@kept-${first} --to latest`)
    expect(diff.removed).toMatchObject([{ path: 'many/200' }])
    expect(diff.added).toMatchObject([{ path: 'many/new' }, { path: 'many/new/201' }])
    expect(diff.changed.filter(({ what }: { what: string }) => what === 'contents')).toHaveLength(30)
    expect((await json('diff home:many --from latest --to live')).changed).toEqual([])
    for (const [at, text] of [
      [`var@kept-${first}`, 'one'],
      [second, 'one\nmore'],
      ['latest', 'third'],
    ])
      expect(await machine.ok(`hdsync cat var:odd/mail/cur/1 --at ${at}`)).toBe(text)
  })

  it('from the disk alone, too', async () => {
    const { machine } = night
    const [first] = await days(night)
    expect(
      await machine.ok(`cp -r /etc/hdsync /run/config; mv /etc/hdsync /run/away
        hdsync cat home:odd/mail/cur/1 --at home@kept-${first} --disk /mnt/hdd9; mv /run/away /etc/hdsync`),
    ).toBe('one')
  })
}

/** The days of the three nights. */
export async function days({ machine }: Night): Promise<[string, string, string]> {
  const found = await machine.ok(`for n in 8 7 1; do date -d "-$n days" +%F; done`)
  return found.split('\n') as [string, string, string]
}

/** What names each of the nights for a source, by what it is brought back from. */
export async function pointsOf(night: Night, source: string) {
  const [first, second] = await days(night)
  return {
    'kept archive': `${source}@kept-${first}`,
    'weekday archive': second,
    mirror: 'latest',
  }
}
