import { expect } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { fingerprint } from '../lab/fingerprint.ts'
import type { SystemdMachine } from './systemd.ts'

/** The socket of the daemon. */
export const socket = '/run/hdsync/hdsync.sock'

/** Asks the daemon for a backup. By curl: each start of hdsync takes seconds here. Returns the run. */
export async function post(server: SystemdMachine, ...sources: string[]): Promise<string> {
  const event = {
    specversion: '1.0',
    id: crypto.randomUUID(),
    source: '/test',
    type: 'backup.start',
    data: { sources },
  }
  const answer = await server.ok(
    `curl -sSf --unix-socket ${socket} -H 'content-type: application/cloudevents+json' -d '${JSON.stringify(event)}' http://localhost/events`,
  )
  return lastLine<{ run: string }>(answer).run
}

/** Waits for the end of a run. */
export async function ended(server: SystemdMachine, run: string): Promise<RunResult> {
  const answer = '/run/lab/answer'
  await server.until(
    `curl -sS --max-time 20 --unix-socket ${socket} http://localhost/runs/${run} > ${answer};
      grep -Ev '^.{0,40}"state":"(queued|running)"' ${answer} | grep -q '"state":'`,
    600_000,
  )
  return lastLine(await server.ok(`cat ${answer}`))
}

/** A run as `hdsync show --json` prints it. */
export async function shown(server: SystemdMachine, run = 'last'): Promise<RunResult> {
  return lastLine(await server.ok(`hdsync show ${run} --json`))
}

/** Waits until the daemon has left. */
export function gone(server: SystemdMachine): Promise<void> {
  return server.until('[ "$(systemctl is-active hdsync.service)" = inactive ]', 400_000)
}

/** Expects the mirror of a source to be what the live volume is. */
export async function expectMirrored(server: SystemdMachine, source: string): Promise<void> {
  const [mirror, live] = [`/mnt/backup/${source}`, `/srv/${source}`].map((folder) =>
    fingerprint(server.machine, folder, { wholeSeconds: true }),
  )
  expect(await mirror).toBe(await live)
}

/** The JSON of the last line of what a command printed. */
export function lastLine<T>(text: string): T {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '') as T
}
