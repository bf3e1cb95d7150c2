import { readFileSync } from 'node:fs'
import type { CommandRunner } from '../command/command.ts'

/** Seconds since the machine started, as the kernel's log counts them. */
export function uptimeSeconds(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
}

/**
 * What the kernel has said since a moment, at most `limit` lines, the last ones: the reason that mount(8)
 * hides behind "wrong fs type, bad option, bad superblock". Nothing where the log may not be read.
 */
export async function kernelSaid(runner: CommandRunner, sinceSeconds: number, limit = 6): Promise<string[]> {
  try {
    const { stdout } = await runner.run({ argv: ['dmesg'], timeoutMs: 10_000 })
    return parseDmesg(stdout, sinceSeconds).slice(-limit)
  } catch {
    return []
  }
}

/** @see dmesg(1): each line begins with `[seconds since start]`. */
export function parseDmesg(text: string, sinceSeconds: number): string[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\[\s*(\d+\.\d+)\]\s*(.*)$/.exec(line)
    // The kernel's clock and /proc/uptime are rounded differently.
    return match && Number(match[1]) >= sinceSeconds - 0.05 ? [match[2] as string] : []
  })
}
