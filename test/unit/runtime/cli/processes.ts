import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { main } from '../../program.ts'
import { makeServer, type Server } from './night.ts'

/** A hdsync in a process of its own. */
export interface Started {
  child: ChildProcess
  /** What it has said on standard error. */
  said(): string
  /** How it ended. */
  ended: Promise<{ code: number | null; out: string }>
}

/** Runs a command; it does not outlive the test. */
export function hdsync(server: Server, ...args: string[]): Started {
  const env = {
    ...process.env,
    HDSYNC_CONFIG: server.config,
    PATH: `${server.folder}/bin:${process.env.PATH}`,
  }
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk) => {
    said += chunk
  })
  const code = new Promise<number | null>((resolve) => child.once('close', resolve))
  const out = text(child.stdout as NodeJS.ReadableStream)
  return { child, said: () => said, ended: Promise.all([code, out]).then(([code, out]) => ({ code, out })) }
}

/** Starts the daemon, and waits until it is ready. */
export async function serve(server: Server, ...args: string[]): Promise<Started> {
  const daemon = hdsync(server, 'serve', ...args)
  await expect.poll(daemon.said).toContain('ready on')
  return daemon
}

/**
 * A server whose copies take until they are let go. One that a test leaves behind, be it by a time limit, ends when the
 * server's folder is removed: hdsync, which would end it, has been killed by then.
 */
export async function makeSlowServer(): Promise<Server & { letGo(): void; hold(): void }> {
  const server = await makeServer()
  return { ...server, ...holdCopies(server) }
}

/** Makes the copies of a server wait until they are let go: `bin` in its folder comes first on the PATH. */
export function holdCopies(server: Server): { letGo(): void; hold(): void } {
  const go = join(server.folder, 'go')
  mkdirSync(join(server.folder, 'bin'))
  const rsync = join(server.folder, 'bin/rsync')
  writeFileSync(
    rsync,
    `#!/bin/sh
wait_for_go() {
  : > ${join(server.folder, 'waiting')}
  while [ ! -e ${go} ]; do
    [ -e ${rsync} ] || exit 20
    sleep 0.02
  done
}
case "$*" in *--version*) ;; *) wait_for_go ;; esac
exec /usr/bin/rsync "$@"
`,
  )
  chmodSync(rsync, 0o755)
  return { letGo: () => writeFileSync(go, ''), hold: () => rmSync(go) }
}
