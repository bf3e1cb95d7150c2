import { fstatSync } from 'node:fs'
import type { Config } from '../../config/config.ts'
import type { Io } from '../io.ts'
import { lineView, quietView, type View } from './lines.ts'

export interface ViewOptions {
  json?: boolean
  quiet?: boolean
}

/** What follows a run where it is shown: a terminal, systemd's journal, or a pipe. */
export async function viewFor(config: Config, { json, quiet }: ViewOptions, io: Io): Promise<View> {
  if (quiet) return quietView(io)
  if (process.stderr.isTTY && !json && !io.env.CI) {
    return (await import('./live.ts')).liveView(process.stderr, config)
  }
  return logView(config, io)
}

/** A line an event. */
export async function logView(config: Config, io: Io): Promise<View> {
  if (goesToJournal(io.env)) return (await import('./journald.ts')).journaldView(io)
  return lineView(io, Math.max(3, ...Object.keys(config.sources).map((name) => name.length)))
}

/** Whether a stream goes to the journal of systemd. @see systemd.exec(5), $JOURNAL_STREAM */
export function goesToJournal(env: NodeJS.ProcessEnv, fd = 2): boolean {
  try {
    const { dev, ino } = fstatSync(fd)
    return env.JOURNAL_STREAM === `${dev}:${ino}`
  } catch {
    return false
  }
}
