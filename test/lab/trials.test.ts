import { expect, it } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from './fingerprint.ts'
import { lab2002 } from './lab2002.ts'
import { writeLoad } from './load.ts'
import { describeNight, type Night, type Setting } from './night.ts'
import { leftovers, oddFiles } from './servers.ts'

/** Two volumes and a directory; ten attempts are what one gets without asking. */
function config(varAttempts = 10): string {
  return `
sources:
  var: { lv: vg01/lv_var, target: hdd1, mount: { attempts: ${varAttempts}, backoff: 10ms..20ms } }
  home: { lv: vg01/lv_home, target: hdd1, mount: { backoff: 10ms..20ms } }
  plain: { path: /srv/plain, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: /dev/vdb, at: /mnt/hdd1 }] }
`
}

const busyServer: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '40M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '32M', at: '/srv/home' },
    ],
  },
  group: 200,
  disks: [96],
  // The backup disk is mounted at a second place, where a test can look at it at any time.
  prepare: `
    mke2fs -q -t ext4 /dev/vdb
    mkdir -p /mnt/hdd1 /srv/plain /look; mount /dev/vdb /look
    (${oddFiles('/srv/var/odd')})
    echo odd > $'/srv/var/latin1-caf\\xe9'
    # This kernel's reiserfs does not write down what setfacl does to the mode; chmod does.
    chmod 664 /srv/var/odd/mail/cur/2
    for name in {1..9}; do echo home > /srv/home/$name; echo plain > /srv/plain/$name; done
    hdsync target adopt hdd1`,
  config: config(),
}

const nothing = { snapshots: [], mounts: [] }
const said = {
  var: /clm-2076 journal_read_transaction: device is readonly, unable to replay log/,
  home: /recovery required on readonly filesystem/,
}

describeNight('snapshots that are refused as in 2002', busyServer, (night) => {
  it('are taken anew until one can be mounted, and the copy is that of one moment', async () => {
    const { machine } = night
    const stop = await writeLoad(machine, '/srv/var', '/srv/home')
    const present = await lab2002(machine, { first: 2, only: 'lv_var' })
    const { code, stdout, stderr } = await night.hdsync('run')
    await present()
    await stop()

    expect(stdout).toContain('var: snapshot mounted after 3 trials')
    expect(stdout).not.toContain('home: snapshot mounted')
    expect(stderr).toContain('takes a snapshot, trial 3')
    expect(code).toBe(0)
    const result = await shown(night)
    expect(result.state).toBe('succeeded')
    expect(trials(result)).toEqual({ var: 3, home: 1, plain: 0 })
    expect(await machine.ok('hdsync show')).toMatch(said.var)
    expect(await leftovers(machine)).toEqual(nothing)

    for (const source of ['var', 'home']) {
      expect(await mirror(night, source)).toBe(await live(night, source))
      expect(await machine.ok(tornFiles(`/look/${source}/busy`))).toBe('')
    }
  })

  // Rule 1: the script of 2002 went on to sync the empty mount point, and wiped the mirror.
  it('fail the source once all attempts are used up, and leave its mirror as it was', async () => {
    const { machine } = night
    const before = await backups(night)
    await night.configure(config(3))
    await machine.ok('rm /srv/var/odd/relative; rm /srv/home/2; echo changed > /srv/plain/2')
    const stop = await trickle(night, '/srv/var')
    const present = await lab2002(machine)
    const { code, result, stderr } = await night.run()
    await present()
    await stop()

    expect(code).toBe(1)
    expect(result.state).toBe('failed')
    expect(states(result)).toEqual({ var: 'failed', home: 'failed', plain: 'succeeded' })
    expect(trials(result)).toEqual({ var: 3, home: 10, plain: 0 })
    for (const [source, attempts] of [
      ['var', 3],
      ['home', 10],
    ] as const) {
      const error = errorOf(result, source)
      expect(error).toContain(`no snapshot could be mounted in ${attempts} attempts: mount: `)
      expect(error).toMatch(said[source])
      expect(stderr).toContain(error.replace('snapshot.mount: ', 'FAILED at snapshot.mount: '))
    }
    expect(await backups(night)).toEqual(before)
    expect(await machine.ok('cat /look/plain/2')).toBe('changed')
    expect(await leftovers(machine)).toEqual(nothing)
  })

  it('are taken anew of ext3 too, and those of the night before do not count', async () => {
    const { machine } = night
    const present = await lab2002(machine, { first: 1, only: 'lv_home' })
    await machine.ok('echo new > /srv/home/new; rm /srv/home/1')
    const { code, result } = await night.run('run', 'home')
    await present()
    expect(result).toMatchObject({ state: 'succeeded', sources: [{ mountTrials: 2 }] })
    expect(code).toBe(0)
    expect(await machine.ok('hdsync show')).toMatch(said.home)
    expect(await mirror(night, 'home')).toBe(await live(night, 'home'))
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

/** All but what is being written. reiserfs counts whole seconds. */
const settled = { wholeSeconds: true, without: ['./busy'] }

function live({ machine }: Night, source: string): Promise<string> {
  return fingerprint(machine, `/srv/${source}`, settled)
}

function mirror({ machine }: Night, source: string): Promise<string> {
  return fingerprint(machine, `/look/${source}`, settled)
}

/** What a failed night must not touch, file for file. */
async function backups({ machine }: Night): Promise<string[]> {
  return [await fingerprint(machine, '/look/var'), await fingerprint(machine, '/look/home')]
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
