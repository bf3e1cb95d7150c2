import type { Findings } from './findings.ts'
import { Hdsync } from './hdsync.ts'
import { cut, type Hit, killed } from './interrupted.ts'
import { frozenNight, noteWords } from './night.ts'
import type { Trial } from './plan.ts'
import { judgeEach } from './restores.ts'
import { mirrorDisk, type Server } from './server.ts'

type Verify = Extract<Trial, { kind: 'verify' }>

/** What the mirror held as it was copied, and as it has rotted. */
const good = '/srv/state/good'
const rotten = '/srv/state/rotten'
/** A second mount of the disk: hdsync may have left its own. */
const seen = '/run/judged'

/**
 * Lets files of a mirror rot, and cuts the power, or kills hdsync, while a verification replaces them. Each has to be the
 * rotten one or the good one; the next verification replaces the rest, and a night follows.
 */
export async function verifyStopped(server: Server, trial: Verify, findings: Findings): Promise<Hit> {
  const { source, by, moment } = trial
  await server.freeze()
  await server.machine.ok(rot(trial))
  const hdsync = await Hdsync.begin(server.machine, `verify ${source} --json`)
  await hdsync.reach(moment, 0)
  const hit = await hdsync.phase()
  const store = await (by === 'cut' ? cut : killed)(server, hdsync, findings)
  if (!store) return hit
  const unended = store.runs.filter((run) => store.ends(run).length === 0)
  await judge(server, source, ['old', 'new'], `after the ${by}`, findings)

  const next = await (await Hdsync.begin(server.machine, `verify ${source} --all --json`)).ended
  noteWords(findings, next)
  const isDone = next.code === 0 || next.code === 3
  findings.expect(isDone, 'next run failed', `verify: exit ${next.code}:\n${next.stderr}`)
  await judge(server, source, ['new'], 'after the next verification', findings)
  await frozenNight(server, findings, unended)
  return hit
}

/** Other bytes, with the size and the time of before. */
function rot({ source }: Verify): string {
  return `set -e
    rm -rf ${good} ${rotten}; mkdir -p ${seen}; mount ${mirrorDisk} ${seen}
    cp -a ${seen}/${source}/mail ${good}
    cd ${seen}/${source}/mail
    for n in {20..99}; do
      [ -s $n ] || continue
      touch -r $n /run/time; printf '#' | dd of=$n bs=1 seek=1 conv=notrunc status=none; touch -r /run/time $n
    done
    cp -a . ${rotten}; cd /; umount ${seen}; sync`
}

/** Of what is written beside a file nothing is asked: the next copy removes it. */
async function judge(
  server: Server,
  source: Verify['source'],
  expected: readonly string[],
  when: string,
  findings: Findings,
): Promise<void> {
  await server.machine.ok(`mkdir -p ${seen}; mount ${mirrorDisk} ${seen}`)
  const live = `${seen}/${source}/mail`
  const about = {
    folders: [rotten, good, live],
    named: `the mirror of ${source}`,
    fault: 'mirrors torn',
  } as const
  await judgeEach(server, about, expected, when, findings)
  await server.machine.ok(`umount ${seen}`)
}
