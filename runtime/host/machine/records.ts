import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { Folder } from '../target/safe-open.ts'
import { lookAtMachine, type MachineFacts } from './look.ts'
import { type MachineRecord, machineRecord } from './record.ts'

/** In a target: a folder for each host that backs up there. */
export const machinesFolder = '.hdsync-machine'

const recordFile = 'machine.json'
/** One page for a person, beside it. */
const sheetFile = 'sheet.txt'
/** A record of thousands of volumes is smaller. */
const mostBytes = 16 * 1024 ** 2

/** How the machine is built, and what targets hold of that. */
export interface Machine {
  /** @throws {TerminalError} lsblk or findmnt is missing. */
  look(): Promise<MachineFacts>
  /**
   * Writes it onto a target, with a page for a person and LVM's own backup of each volume group.
   * @param target It has been proven.
   * @throws {TerminalError} It cannot be written.
   */
  record(target: Pick<Target, 'path'>, record: MachineRecord, sheet: string): Promise<void>
}

/** @param scratch A folder for temporary files. */
export function createMachine(runner: CommandRunner, scratch: string): Machine {
  return {
    look: () => lookAtMachine(runner),
    async record({ path }, record, sheet) {
      using target = Folder.existing(path)
      using machines = target.make(machinesFolder)
      using folder = machines.make(folderName(record.host))
      for (const { name } of record.groups) {
        const text = await groupBackup(runner, scratch, name)
        if (text !== undefined) put(folder, `lvm-${name}.conf`, text)
      }
      put(folder, recordFile, `${JSON.stringify(record, null, 2)}\n`)
      put(folder, sheetFile, sheet)
    },
  }
}

/** Leaves a file alone that has this text already. */
function put(folder: Folder, name: string, text: string): void {
  if (readQuietly(folder, name) !== text) folder.replace(name, text, 0o600)
}

function readQuietly(folder: Folder, name: string): string | undefined {
  try {
    return folder.read(name, mostBytes)
  } catch {
    return undefined
  }
}

/** What a volume group is made of, as vgcfgrestore(8) reads it; undefined where LVM does not say. */
async function groupBackup(
  runner: CommandRunner,
  scratch: string,
  group: string,
): Promise<string | undefined> {
  const file = join(scratch, `vgcfgbackup-${group}`)
  try {
    await runner.run({
      argv: ['vgcfgbackup', '--file', file, group],
      timeoutMs: 60_000,
      interruptible: false,
    })
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  } finally {
    rmSync(file, { force: true })
  }
}

/**
 * The machines that are recorded in a folder of backups, by host.
 * @throws {TerminalError} A record is not one of hdsync's, or made by a newer one.
 */
export function recordedMachines(path: string): Map<string, MachineRecord> {
  using target = Folder.existing(path)
  using machines = target.folder(machinesFolder)
  const found = new Map<string, MachineRecord>()
  for (const name of machines?.names().sort() ?? []) {
    using folder = machines?.folder(name)
    const text = folder?.read(recordFile, mostBytes)
    if (text === undefined) continue
    const record = parsed(text, `${path}/${machinesFolder}/${name}/${recordFile}`)
    found.set(record.host, record)
  }
  return found
}

function parsed(text: string, file: string): MachineRecord {
  try {
    return machineRecord.parse(JSON.parse(text))
  } catch (cause) {
    throw new TerminalError(`${file} is not a record that this hdsync reads`, {
      hint: 'a newer hdsync may have written it: use that one; a person can read the file all the same',
      cause,
    })
  }
}

/** A host name as the name of a folder. */
function folderName(host: string): string {
  return host.replace(/[/\0]/g, '_').replace(/^\.+$/, '_') || '_'
}
