import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault, Findings } from './findings.ts'
import { Hdsync } from './hdsync.ts'
import { cut, type Hit, killed } from './interrupted.ts'
import { frozenNight, noteWords } from './night.ts'
import type { Trial } from './plan.ts'
import { archiveDisk, archiveTarget, folderOf, mirrorDisk, type Server } from './server.ts'

type Restore = Extract<Trial, { kind: 'restore' }>

/** What the folder held before, and what is brought back. */
const before = '/srv/state/before'
const wanted = '/srv/state/wanted'
const mounted = `mount ${mirrorDisk} /mnt/hdd1; mount ${archiveDisk} ${archiveTarget}`

/**
 * Cuts the power, or kills hdsync, in the middle of a restore in place. Each path has to be the old one or the new one; then
 * the restore is ended or taken back, and a night follows.
 */
export async function restoreStopped(server: Server, trial: Restore, findings: Findings): Promise<Hit> {
  const { source, by, moment, end } = trial
  await server.freeze()
  await server.machine.ok(spoil(trial))
  const at = trial.from === 'mirror' ? 'latest' : await newestArchive(server, source)
  const words = `restore ${source}:mail --at ${at} --in-place --delete --allow-deletions 1000 --yes --json`
  const hdsync = await Hdsync.begin(server.machine, words)
  await hdsync.reach(moment, 0)
  const hit = await hdsync.phase()
  const store = await (by === 'cut' ? cut : killed)(server, hdsync, findings)
  if (!store) return hit
  const unended = store.runs.filter((run) => store.ends(run).length === 0)

  const stage = await stageOf(server, source)
  const expected = { none: ['old'], prepared: ['old'], placing: ['old', 'new'], done: ['new'] }[stage]
  if (!expected) findings.add('restores torn', `its record says ${stage}`)
  await judge(server, source, expected ?? [], `after the ${by} (${stage})`, findings)
  if (stage === 'placing') {
    const next = await (await Hdsync.begin(server.machine, `restore --${end} last --json`)).ended
    noteWords(findings, next)
    findings.expect(next.code === 0, 'next run failed', `--${end}: exit ${next.code}:\n${next.stderr}`)
    await judge(server, source, [end === 'resume' ? 'new' : 'old'], `after --${end}`, findings)
  }
  await server.machine.ok(
    `rm -rf ${folderOf(source)}/.hdsync-undo; umount /mnt/hdd1 ${archiveTarget} 2>/dev/null || true`,
  )
  await frozenNight(server, findings, unended)
  return hit
}

/** Some files become others, some are gone, some are new: all unlike those of any other trial. */
function spoil({ name, source, from }: Restore): string {
  const copy =
    from === 'mirror'
      ? `cp -a /mnt/hdd1/${source}/mail ${wanted}`
      : `mkdir ${wanted}.new; tar -C ${wanted}.new --zstd -xf $(ls -t ${archiveTarget}/*/${source}.tar.zst | head -1) ${source}/mail
         mv ${wanted}.new/${source}/mail ${wanted}; rm -r ${wanted}.new`
  return `set -e
    ${mounted}
    rm -rf ${before} ${wanted} ${folderOf(source)}/.hdsync-undo
    ${copy}
    cd ${folderOf(source)}/mail
    for n in {1..80}; do echo ${name} $n > $n; done
    rm -f {101..110}; for n in {1..10}; do echo ${name} > ${name}-$n; done
    cp -a . ${before}; sync`
}

async function newestArchive({ machine }: Server, source: string): Promise<string> {
  const points: { id: string; kind: string }[] = JSON.parse(
    await machine.ok(`hdsync backups ${source} --json`),
  )
  return points.find(({ kind }) => kind === 'weekday')?.id ?? 'latest'
}

/** How far the restore has come, by its own record. */
async function stageOf({ machine }: Server, source: Restore['source']): Promise<string> {
  const record = await machine.ok(`cat ${folderOf(source)}/.hdsync-undo/*/restore.json 2>/dev/null || true`)
  return record === '' ? 'none' : (JSON.parse(record) as { stage: string }).stage
}

/** Each name has to be there, or not, as it was in one of both, with the contents that it had there. */
async function judge(
  server: Server,
  source: Restore['source'],
  expected: readonly string[],
  when: string,
  findings: Findings,
): Promise<void> {
  const folders = [before, wanted, `${folderOf(source)}/mail`] as const
  await judgeEach(server, { folders, named: source, fault: 'restores torn' }, expected, when, findings)
}

/** @param about Three folders: how it was, how it is to be, and how it is. */
export async function judgeEach(
  { machine }: Server,
  about: { folders: readonly [string, string, string]; named: string; fault: Fault },
  expected: readonly string[],
  when: string,
  findings: Findings,
): Promise<void> {
  writeFileSync(join(machine.dir, 'judge-restore.pl'), judgeScript)
  const found = await machine.ok(`perl /run/lab/judge-restore.pl ${about.folders.join(' ')}`)
  for (const line of found.split('\n').filter(Boolean)) {
    const [kind = '', name] = line.split(' ')
    findings.expect(expected.includes(kind), about.fault, `${about.named}:mail/${name} is ${kind} ${when}`)
  }
}

const judgeScript = `use strict;
my @folders = map {
  my $folder = $_; opendir(my $list, $folder) or die "$folder: $!";
  +{ map { my $name = $_; local $/; open(my $file, "<", "$folder/$name") or die "$name: $!"; ($name => <$file> // "") }
    grep { -f "$folder/$_" && !/^\\.hdsync-heal-/ } readdir $list }
} @ARGV;
my ($old, $new, $live) = @folders;
my %names = map { ($_ => 1) } map { keys %$_ } @folders;
for my $name (sort keys %names) {
  my ($was, $will, $is) = map { $_->{$name} // "absent" } ($old, $new, $live);
  next if $is eq $was && $is eq $will;
  print $is eq $was ? "old" : $is eq $will ? "new" : "torn", " $name\\n";
}
`
