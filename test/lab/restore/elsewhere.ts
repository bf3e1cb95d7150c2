import { afterEach, expect, it } from 'vitest'
import type { Night } from '../night.ts'
import { pointsOf } from './commands.ts'
import { type Medium, parts, type Source, state } from './server.ts'
import type { Nights } from './three-nights.ts'

/** Whole sources into new folders, on another file system: equal in all that a backup keeps. */
export function wholeElsewhere(
  night: Night,
  was: Nights,
  pairs: readonly (readonly [Source, Medium])[],
): void {
  afterEach(() => night.machine.ok('rm -rf /srv/room/*'))

  it.each(pairs)('all of %s, from the %s', async (source, medium) => {
    const at = (await pointsOf(night, source))[medium]
    await night.machine.ok(`hdsync restore ${source} --at ${at} --to /srv/room/all -q`)
    expect(await state(night, '/srv/room/all')).toBe(was[medium][source])
    expect(await night.machine.ok('stat -c %b /srv/room/all/odd/sparse')).not.toMatch(/^\d{4}/)
  })
}

/** Named parts of a source alone. */
export function partsElsewhere(night: Night, was: Nights, from: readonly Medium[]): void {
  it.each(from)('a file and a folder alone, from the %s', async (medium) => {
    const { machine } = night
    const source = parts[medium]
    const at = (await pointsOf(night, source))[medium]
    await machine.ok(
      `hdsync restore ${source}:odd/sparse ${source}:odd/mail --at ${at} --to /srv/room/part -q`,
    )
    expect(await machine.ok('cd /srv/room/part; ls; ls -A odd')).toBe('odd\nmail\nsparse')
    // What has further names outside has fewer of them here.
    const alone = (text: string) => text.replace(/ links=\S+/g, '')
    expect(alone(await state(night, '/srv/room/part/odd/mail'))).toBe(alone(was[medium].mail))
    const told = 'stat -c "%a %u %g %s %y" odd/sparse; sha256sum odd/sparse'
    expect(await machine.ok(`cd /srv/room/part; ${told}`)).toBe(
      await machine.ok(`cd /srv/${source}; ${told}`),
    )
  })
}
