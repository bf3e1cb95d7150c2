import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, CommandError, type CommandRunner } from '../command/command.ts'

/** A mount takes long only when a journal is replayed or a disk has to spin up. */
const timeoutMs = 120_000

/** Attempts to unmount while somebody has a file open. Never lazily (`umount -l`): see lvm.ts. */
const busyPausesMs = [100, 200, 400, 800, 1600]

export function mountArgv(mount: {
  device: string
  at: string
  type?: string | undefined
  options?: readonly string[] | undefined
}): Command['argv'] {
  return [
    'mount',
    ...(mount.type ? ['-t', mount.type] : []),
    ...(mount.options && mount.options.length > 0 ? ['-o', mount.options.join(',')] : []),
    '--',
    mount.device,
    mount.at,
  ]
}

export function umountArgv(at: string): Command['argv'] {
  return ['umount', '--', at]
}

/** @throws {CommandError} mount(8) refused; 32 says that the mount itself failed. */
export async function mount(runner: CommandRunner, what: Parameters<typeof mountArgv>[0]): Promise<void> {
  await runner.run({ argv: mountArgv(what), timeoutMs, interruptible: false, ofMachine: true })
}

/** Makes writable what was mounted read-only. @throws {CommandError} mount(8) refused. */
export async function remountToWrite(runner: CommandRunner, at: string): Promise<void> {
  const argv: Command['argv'] = ['mount', '-o', 'remount,rw', '--', at]
  await runner.run({ argv, timeoutMs, interruptible: false, ofMachine: true })
}

/** What mount(8) found wrong, without the path before it and the advice behind it. */
export function mountComplaint(error: CommandError): string {
  const line = error.stderr.split('\n').find((text) => text.trim() && !text.includes('dmesg(1)'))
  const complaint = line?.replace(/^mount: (\S+: )?/, '').trim()
  return complaint ? `mount: ${complaint}` : error.message
}

/**
 * @param ofMachine Whether it was mounted for the whole machine, and not just for hdsync.
 * @throws {CommandError} It stayed busy.
 */
export async function unmount(runner: CommandRunner, at: string, ofMachine = true): Promise<void> {
  for (const pauseMs of [...busyPausesMs, undefined]) {
    try {
      await runner.run({ argv: umountArgv(at), timeoutMs, interruptible: false, ofMachine })
      return
    } catch (error) {
      const busy = error instanceof CommandError && /busy/.test(error.stderr)
      if (!busy || pauseMs === undefined) throw error
      await sleep(pauseMs)
    }
  }
}
