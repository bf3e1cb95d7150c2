import { constants, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { boot, type Machine, makeDisk, type Running, scratchFolder } from '../machine.ts'
import { buildServer, mountVolumes, oddFiles, type Server as Volumes } from '../servers.ts'
import { Ledger } from './ledger.ts'

const mib = 2 ** 20
/** /dev/vda: the volumes and their snapshots; b: mirrors; c: archives; d: the event store and a plain folder. */
const diskSizesMiB = [260, 128, 128, 96]

const volumes: Volumes = {
  volumes: [
    { name: 'lv_var', fs: 'reiserfs', size: '56M', at: '/srv/var' },
    { name: 'lv_home', fs: 'ext3', size: '40M', at: '/srv/home' },
  ],
}

/** Sources that are volumes with a database on them. */
export const live = ['var', 'home'] as const
export const sources = [...live, 'plain'] as const
export type Source = (typeof sources)[number]
/** Where a source lies. */
export const folderOf = (source: Source) => (source === 'plain' ? '/srv/state/plain' : `/srv/${source}`)
export const stateFolder = '/srv/state/hdsync'
export const mirrorDisk = '/dev/vdb'
export const archiveDisk = '/dev/vdc'
export const archiveTarget = '/mnt/hdd9'

/** @param state The folder of the event store. */
export const configFor = (state: string): string => `
sources:
  var: { lv: vg01/lv_var, target: hdd1, snapshot: { size: 32M }, mount: { backoff: 10ms..200ms } }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 32M }, mount: { backoff: 10ms..200ms } }
  plain: { path: ${folderOf('plain')}, target: hdd1 }
targets:
  hdd1: { path: /mnt/hdd1, mounts: [{ device: ${mirrorDisk}, at: /mnt/hdd1 }] }
  hdd9: { path: ${archiveTarget}, mounts: [{ device: ${archiveDisk}, at: ${archiveTarget} }] }
archive: { target: hdd9 }
state: ${state}
`

const booted = 'mkdir -p /srv/state /mnt/hdd1 /mnt/hdd9; mount /dev/vdd /srv/state'

const prepared = `
  for disk in b c d; do mke2fs -q -t ext4 /dev/vd$disk; done
  ${booted}
  mkdir -p ${folderOf('plain')}; for n in 1 2 3; do echo $n > ${folderOf('plain')}/$n; done
  perl -e 'for my $at (@ARGV) { mkdir "$at/mail"; for my $n (1 .. 120) {
    open(my $file, ">", "$at/mail/$n"); print $file "$at $n\\n" x ($n * 7 % 300) } }' /srv/var /srv/home
  ( ${oddFiles('/srv/home/odd')}; rm sparse )
  sync
  hdsync target adopt hdd1 && hdsync target adopt hdd9`

/** A live server with a power cord: file systems and databases that are written to, and the disks of its backup. */
export class Server {
  readonly ledger = new Ledger()
  /** How long the last night took that nothing disturbed. */
  nightMs = 0
  readonly #dir = scratchFolder()
  #disks: string[] = []
  #machine: Machine | undefined
  #boots = 0
  #busy: Running | undefined
  #frozen = false

  get machine(): Machine {
    if (!this.#machine) throw new Error('the machine has not been booted')
    return this.#machine
  }

  async build(): Promise<void> {
    this.#disks = await Promise.all(
      diskSizesMiB.map((size, at) => makeDisk(this.#dir, `disk${at}`, size * mib)),
    )
    await this.#boot()
    await this.machine.ok(buildServer(volumes))
    await this.machine.ok(`set -e\n${prepared}`)
  }

  /** Cuts the power. What was being written is known up to the last row that was told of. */
  async cut(): Promise<void> {
    await this.machine.cutPower()
    await this.#noteRows()
    this.#busy = undefined
    this.#frozen = false
  }

  /** Boots again on the same disks; the root file system starts afresh, /run too. */
  async boot(): Promise<void> {
    await this.#boot()
    await this.machine.ok(`${mountVolumes(volumes)}\n${booted}`)
  }

  /** Begins to write to both volumes, and waits until their databases have told of a row. */
  async load(): Promise<void> {
    const frozen = this.#frozen
    this.#frozen = false
    if (this.#busy) {
      if (frozen) await this.#busy.kill('SIGCONT')
      return
    }
    const name = `busy-${Date.now()}.ts`
    copyFileSync(join(import.meta.dirname, 'busy.ts'), join(this.machine.dir, name))
    const words = live.map((source, at) => `${source}=${folderOf(source)}=${['WAL', 'DELETE'][at]}`)
    this.#busy = await this.machine.start(`exec node /run/lab/${name} ${words.join(' ')} 2>&1`)
    for (const until = Date.now() + 200_000; ; await pause(20)) {
      const { stdout } = await this.#busy.output()
      if (live.every((source) => stdout.includes(`\nrow ${source}`))) break
      if (Date.now() > until) throw new Error(`the databases do not work:\n${stdout}`)
    }
  }

  /** Copies the disk of the mirrors, which are not mounted, into a file. */
  async copyMirrors(to: string): Promise<void> {
    await this.machine.ok('sync')
    copyFileSync(this.#disks[1] as string, to, constants.COPYFILE_FICLONE)
  }

  /** Changes a file of each source: of one in which nothing has changed there is neither a copy nor an archive. */
  async change(): Promise<void> {
    const folders = sources.map(folderOf).join(' ')
    await this.machine.ok(`for at in ${folders}; do head -c 200000 /dev/urandom > $at/changed; done`)
  }

  /** Stops everything that writes to the volumes, until the next `load`. */
  async freeze(): Promise<void> {
    if (this.#frozen) return
    await this.#busy?.kill('SIGSTOP')
    this.#frozen = true
    await this.machine.ok('sync')
  }

  /** The last row of a database that had been committed at a moment of the machine's clock. */
  async committed(source: string, atMs: number): Promise<number> {
    await this.#noteRows()
    return this.ledger.lastAt(source, atMs)
  }

  async destroy(): Promise<void> {
    await this.#machine?.cutPower()
    rmSync(this.#dir, { recursive: true, force: true })
  }

  async #boot(): Promise<void> {
    const dir = join(this.#dir, `boot${++this.#boots}`)
    mkdirSync(dir)
    this.#machine = await boot({ disks: this.#disks, dir })
    writeFileSync(join(dir, 'hdsync.yaml'), configFor(stateFolder))
    await this.machine.ok('install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml')
  }

  async #noteRows(): Promise<void> {
    if (this.#busy) this.ledger.note((await this.#busy.output()).stdout)
  }
}
