import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isNightly } from '../unit/nightly.ts'
import { labAvailable } from './machine.ts'

const lab = labAvailable()
const demo = join(import.meta.dirname, '../../deploy/dev/demo.ts')

/** Starts the demonstration, and waits until it has begun to boot its machine. @returns It, and the machine's process. */
async function booting(): Promise<{ demo: ChildProcess; qemu: number }> {
  const child = spawn(process.execPath, [demo], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout?.resume()
  child.stderr?.resume()
  const qemu = await expect
    .poll(() => machineOf(child.pid), { timeout: 300_000, interval: 20 })
    .toBeTruthy()
    .then(() => machineOf(child.pid) as number)
  onTestFinished(() => {
    if (isRunning(qemu)) process.kill(qemu, 'SIGKILL')
  })
  return { demo: child, qemu }
}

/** The process of a machine that another process has started. */
function machineOf(parent: number | undefined): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const [, , , ppid] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/\(.*\)/, 'x')
          .split(' ')
        return Number(ppid) === parent && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu')
      } catch {
        // It has ended meanwhile.
        return false
      }
    })
}

/** A process that has ended and that nobody has asked about yet runs no more. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** One that hdsync can hear of, and one that it cannot: then the kernel ends the machine. */
const stops = [
  ['SIGINT', 1500],
  ['SIGKILL', 0],
] as const
const further = [
  ['SIGINT', 0],
  ['SIGTERM', 300],
  ['SIGHUP', 700],
  ['SIGKILL', 1500],
] as const

describe.runIf(lab.ok)('the demonstration that is ended while its machine boots leaves none', () => {
  test.each([...stops, ...(isNightly ? further : [])])(
    'by %s, %i ms after its start',
    async (signal, afterMs) => {
      const { demo: child, qemu } = await booting()
      await pause(afterMs)
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill(signal)
      await ended
      await expect.poll(() => isRunning(qemu), { timeout: 60_000 }).toBe(false)
      if (signal === 'SIGKILL') return
      expect(child.exitCode).toBe({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal])
      const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`hdsync-lab-${child.pid}-`))
      expect(left.filter((name) => existsSync(join(tmpdir(), name)))).toEqual([])
    },
  )
})
