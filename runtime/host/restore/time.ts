import { lstatSync } from 'node:fs'
import type { CommandRunner } from '../command/command.ts'
import type { OpenFolder } from '../points/open-folder.ts'

/** When a folder was last modified, in nanoseconds since the epoch. */
export function timeOf(folder: OpenFolder): bigint {
  return lstatSync(`${folder.self}/.`, { bigint: true }).mtimeNs
}

/** Gives a folder that time again. Node's own times are not exact to the nanosecond. */
export async function setTime(folder: OpenFolder, ns: bigint, runner: CommandRunner): Promise<void> {
  const perSecond = 1_000_000_000n
  const rest = ((ns % perSecond) + perSecond) % perSecond
  const text = `@${(ns - rest) / perSecond}.${String(rest).padStart(9, '0')}`
  await runner.run({ argv: ['touch', '-m', '-d', text, `${folder.forCommands}/.`], timeoutMs: 60_000 })
}
