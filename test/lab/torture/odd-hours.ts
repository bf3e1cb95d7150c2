import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { archiveWeekly, syncRun } from '../../../events/index.ts'
import type { Findings } from './findings.ts'
import { Hdsync } from './hdsync.ts'
import { frozenNight, inspectOrder, judgeGood, noteWords } from './night.ts'
import type { Trial } from './plan.ts'
import type { Server } from './server.ts'

/** Starts two at once: one of them runs, the other one says that it did not. */
export async function twoAtOnce(
  server: Server,
  { delayMs }: Extract<Trial, { kind: 'overlap' }>,
  findings: Findings,
): Promise<void> {
  const start = () => Hdsync.start(server.machine, 'plain')
  const first = await start()
  await pause(delayMs)
  const second = await start()
  const both = await Promise.all([first.ended, second.ended])
  for (const ended of both) noteWords(findings, ended)
  const codes = both.map(({ code }) => code).sort()
  const [one, other] = codes
  const good = one === 0 && other === 4
  findings.expect(good, 'runs unaccounted for', `of two at once, one ended ${one}, the other ${other}`)
  await inspectOrder(server, findings)
}

/** Holds a program in the middle of a night, moves the clock by hours, and lets go: nothing is done twice. */
export async function clockMoved(
  server: Server,
  { hours, held }: Extract<Trial, { kind: 'clock' }>,
  findings: Findings,
): Promise<void> {
  const { machine } = server
  await server.freeze()
  await server.change()
  writeFileSync(join(machine.dir, `held-${held}`), heldProgram(held))
  await machine.ok(
    `rm -rf /run/held; mkdir /run/held; install -m 755 /run/lab/held-${held} /usr/local/sbin/${held}`,
  )
  const hdsync = await Hdsync.start(machine)
  await machine.ok(`until [ -e /run/held/reached ]; do sleep 0.05; done`, { timeoutMs: 200_000 })
  const before = await machine.ok('date +%s')
  const uptime = await machine.ok('cut -d" " -f1 /proc/uptime')
  await machine.ok(`date -s @$(($(date +%s) + ${hours * 3600})) >/dev/null`)
  await pause(300)
  await machine.ok(`touch /run/held/go; rm /usr/local/sbin/${held}`)
  const ended = await hdsync.ended
  await machine.ok(`date -s @$(perl -e '
    my ($now) = do { local @ARGV = "/proc/uptime"; <> } =~ /(\\S+)/; printf "%.0f", ${before} + $now - ${uptime}') >/dev/null`)
  noteWords(findings, ended)
  judgeGood(ended, findings)
  const store = await inspectOrder(server, findings)
  const run = ended.result?.run ?? ''
  for (const { type } of [syncRun, archiveWeekly]) {
    const tries = store?.tries(run, type).join() ?? '1,1,1'
    findings.expect(
      tries === '1,1,1',
      'runs unaccounted for',
      `${type} was begun ${tries} times, for three sources`,
    )
  }
  await frozenNight(server, findings)
}

function heldProgram(program: string): string {
  return `#!/bin/bash
touch /run/held/reached
until [ -e /run/held/go ]; do sleep 0.05; done
exec -a ${program} /usr/bin/${program} "$@"
`
}
