import { expect, it } from 'vitest'
import type { RunResult } from '../../../events/index.ts'
import { fingerprint } from '../fingerprint.ts'
import { lab2002 } from '../lab2002.ts'
import { writeLoad } from '../load.ts'
import { describeNight, type Night } from '../night.ts'
import { leftovers } from '../servers.ts'
import { busyServer, config, live, mirror, nothing, said } from './server.ts'

describeNight('snapshots that are refused as in 2002', busyServer, (night) => {
  it('are taken anew until one can be mounted, and the copy is that of one moment', async () => {
    const { machine } = night
    const stop = await writeLoad(machine, '/srv/var')
    const present = await lab2002(machine, { first: 2, only: 'lv_var' })
    const { code, stdout, stderr } = await night.hdsync('run')
    await present()
    await stop()

    expect(stdout).toContain('var: snapshot mounted after 3 attempts')
    expect(stdout).not.toContain('home: snapshot mounted')
    expect(stderr).toContain('takes a snapshot, attempt 3')
    expect(code).toBe(0)
    const result = await shown(night)
    expect(result.state).toBe('succeeded')
    expect(trials(result)).toEqual({ var: 3, home: 1, plain: 0 })
    expect(await machine.ok('hdsync show')).toMatch(said.var)
    expect(await leftovers(machine)).toEqual(nothing)

    for (const source of ['var', 'home']) expect(await mirror(night, source)).toBe(await live(night, source))
    expect(await machine.ok(tornFiles('/look/var/busy'))).toBe('')
  })

  // Rule 1: the script of 2002 went on to sync the empty mount point, and wiped the mirror.
  it('fail the source once all attempts are used up, and leave its mirror as it was', async () => {
    const { machine } = night
    const before = await fingerprint(machine, '/look/var')
    await night.configure(config(3))
    await machine.ok('rm /srv/var/odd/relative; echo changed > /srv/plain/2')
    const stop = await trickle(night, '/srv/var')
    const present = await lab2002(machine)
    const { code, result, stderr } = await night.run('run', 'var', 'plain')
    await present()
    await stop()

    expect(code).toBe(1)
    expect(result.state).toBe('failed')
    expect(states(result)).toEqual({ var: 'failed', plain: 'succeeded' })
    expect(trials(result)).toEqual({ var: 3, plain: 0 })
    const error = errorOf(result, 'var')
    expect(error).toContain('no snapshot could be mounted in 3 attempts: mount: ')
    expect(error).toMatch(said.var)
    expect(stderr).toContain(error.replace('snapshot.mount: ', 'FAILED at snapshot.mount: '))
    expect(await fingerprint(machine, '/look/var')).toBe(before)
    expect(await machine.ok('cat /look/plain/2')).toBe('changed')
    expect(await leftovers(machine)).toEqual(nothing)
  })
})

/** Keeps the journal of a file system from coming to rest, and costs much less than `writeLoad`. */
async function trickle({ machine }: Night, folder: string): Promise<() => Promise<unknown>> {
  const script = `mkdir -p ${folder}/busy; exec perl -MIO::Handle -e '
    for (my $n = 0; ; $n++) {
      open my $file, ">", "${folder}/busy/trickle"; print $file $n; $file->flush; $file->sync;
      select undef, undef, undef, 0.1 }'`
  const running = await machine.start(script)
  return async () => {
    await running.kill()
    await running.wait()
  }
}

async function shown(night: Night): Promise<RunResult> {
  return JSON.parse(await night.machine.ok('hdsync show --json')) as RunResult
}

function trials({ sources }: RunResult): Record<string, number> {
  return Object.fromEntries(sources.map(({ source, mountTrials }) => [source, mountTrials]))
}

function states({ sources }: RunResult): Record<string, string> {
  return Object.fromEntries(sources.map(({ source, state }) => [source, state]))
}

function errorOf({ sources }: RunResult, name: string): string {
  return sources.find(({ source }) => source === name)?.error ?? ''
}

/**
 * A script that names the files that the write load has not written to the end: each holds one number,
 * so many times. A frozen file system has none but the one that is not yet renamed.
 */
function tornFiles(dir: string): string {
  return String.raw`cd ${dir} && ls | grep -q . && perl -0777 -e '
    for my $name (grep { -f && $_ ne "new" } <*>) {
      open my $file, "<", $name; my $text = <$file>; my ($n) = $text =~ /^(\d+)/;
      print "$name\n" unless defined $n and $text eq "$n " x (50 + $n % 997) }'`
}
