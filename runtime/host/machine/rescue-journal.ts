import { mkdirSync } from 'node:fs'
import * as z from 'zod'
import { Folder } from '../target/safe-open.ts'
import { diskIdentity } from './disk-identity.ts'
import { machinesFolder } from './records.ts'
import { step } from './step.ts'

const journal = z.object({
  /** Of which machine, and what was asked for. */
  key: z.string(),
  disks: z.array(
    z.object({
      old: z.string(),
      now: z.string(),
      sizeBytes: z.number(),
      /** Journals of earlier versions have none. */
      identity: diskIdentity.exactOptional(),
    }),
  ),
  steps: z.array(step),
  notes: z.array(z.string()),
  /** Ids of steps that have been done. */
  done: z.array(z.string()),
  /** The one in progress: after a cut it may be complete or not. */
  doing: z.string().exactOptional(),
  ended: z.boolean(),
})

/** Progress of a rescue. A resumed rescue uses the steps that it began with, not a new plan. */
export type RescueJournal = z.output<typeof journal>

const name = 'rescue.json'

/**
 * Where progress is kept: beside the record on the backup disk, which outlives the live system, or in memory where that disk is
 * mounted read-only.
 */
export interface JournalPlace {
  path: string
  read(): RescueJournal | undefined
  /** @throws {TerminalError} It cannot be written. */
  write(journal: RescueJournal): void
}

/** @param folder The folder of backups. @param host Of the record. */
export function journalPlace(folder: string, host: string, memory = '/run/hdsync/rescue'): JournalPlace {
  const onDisk = `${folder}/${machinesFolder}/${host}`
  return canWrite(onDisk) ? placeIn(onDisk) : placeIn(`${memory}/${host}`)
}

function canWrite(path: string): boolean {
  try {
    using folder = Folder.existing(path)
    folder.replace(`${name}.probe`, '', 0o600)
    folder.remove(`${name}.probe`)
    return true
  } catch {
    return false
  }
}

function placeIn(path: string): JournalPlace {
  return {
    path: `${path}/${name}`,
    read() {
      using folder = Folder.at(path)
      const text = folder?.read(name, 16 * 1024 ** 2)
      return text === undefined ? undefined : journal.parse(JSON.parse(text))
    },
    write(value) {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      using folder = Folder.existing(path)
      folder.replace(name, `${JSON.stringify(value)}\n`, 0o600)
    },
  }
}
