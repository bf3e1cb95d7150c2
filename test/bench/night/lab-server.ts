import { copyFileSync, cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { boot, type Machine, makeDisk, scratchFolder } from '../../lab/machine.ts'
import { buildServer, type FileSystem } from '../../lab/servers.ts'
import { classicVolumes } from './classic.ts'
import type { Side } from './compare.ts'
import { build } from './hdsync.ts'
import { changedShare, labSize } from './scale.ts'
import type { Command } from './shares.ts'

const mib = 2 ** 20
const timeoutMs = 3_600_000
export const group = 'vg01'
export const volumes: readonly { source: string; lv: string; fs: FileSystem; size: string }[] = [
  { source: 'var', lv: 'lv_var', fs: 'reiserfs', size: '48M' },
  { source: 'home', lv: 'lv_home', fs: 'ext3', size: '48M' },
]
/** Disks from /dev/vdb on, by where they are mounted. */
const disks = ['/mnt/mirrors', '/mnt/archives', '/mnt/classic-mirrors', '/mnt/classic-archives', '/mnt/state']

/**
 * A server with two live volumes, in a machine of its own; hdsync is the released form of it. Its disks are mounted
 * before a night and stay so, as those of the script do.
 */
export class LabServer {
  readonly machine: Machine
  readonly ours: Side & { commands(): Promise<Command[]> }
  readonly script: Side

  static async start(folder: string): Promise<LabServer> {
    const dir = scratchFolder()
    const volumeMiB = Math.ceil((labSize.bytes / volumes.length / mib) * 1.4) + 60
    const diskMiB = 2 * volumeMiB + 100
    const sizes = [volumes.length * (volumeMiB + 64) + 64, ...disks.map(() => diskMiB)]
    const files = await Promise.all(sizes.map((size, at) => makeDisk(dir, `disk${at}`, size * mib)))
    const server = new LabServer(await boot({ disks: files, memory: '3G', processors: 2 }))
    await server.#install(await build(folder))
    await server.#fill(`${volumeMiB}M`, diskMiB)
    return server
  }

  private constructor(machine: Machine) {
    this.machine = machine
    this.ours = {
      fresh: () =>
        this.#do(`rm -rf /mnt/mirrors/* /mnt/archives/* /mnt/mirrors/.hdsync* /mnt/archives/.hdsync* /mnt/state/hdsync
          hdsync target adopt mirrors && hdsync target adopt archives`),
      night: async (zone) => ({ wallMs: await this.timed(`TZ=${zone} hdsync run`) }),
      commands: async () => JSON.parse(await this.do('hdsync show --json --commands')).commands,
    }
    const to = { mirrors: '/mnt/classic-mirrors', archives: '/mnt/classic-archives' }
    this.script = {
      fresh: () => this.#do('rm -rf /mnt/classic-mirrors/* /mnt/classic-archives/*'),
      night: async (zone) => ({
        wallMs: await this.timed(`export TZ=${zone}\n${classicVolumes(group, volumes, to)}`),
      }),
    }
  }

  /** Changes 5 % of the files of both volumes. */
  async change(round: number): Promise<void> {
    for (const { source } of volumes) {
      await this.do(`node /run/lab/tree.ts change /srv/${source} ${changedShare} ${source}${round}`)
    }
  }

  /** @returns What a script that has to succeed has printed. */
  do(script: string): Promise<string> {
    return this.machine.ok(script, { timeoutMs })
  }

  /** @returns The milliseconds that a script takes, once what others have left to be written is on the disks. */
  async timed(script: string): Promise<number> {
    const printed = await this.do(`sync
      from=$EPOCHREALTIME
      ( ${script} ) >/run/night.log 2>&1 || { tail -c 3000 /run/night.log; exit 1; }
      echo $from $EPOCHREALTIME`)
    const [from = 0, to = 0] = printed.split(' ').map(Number)
    return 1000 * (to - from)
  }

  async off(): Promise<void> {
    await this.machine.cutPower()
  }

  async #do(script: string): Promise<void> {
    await this.do(`set -e\n${script}`)
  }

  async #install(app: string): Promise<void> {
    cpSync(app, join(this.machine.dir, 'build'), { recursive: true })
    copyFileSync(join(import.meta.dirname, 'tree.ts'), join(this.machine.dir, 'tree.ts'))
    writeFileSync(join(this.machine.dir, 'hdsync.yaml'), config)
    await this.#do(`cp -r /run/lab/build /opt/built
      printf '#!/bin/sh\\nHDSYNC_NODE=/opt/hdsync/node_modules/node/bin/node exec /opt/built/bin/hdsync "$@"\\n' > /usr/local/bin/hdsync
      install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml`)
  }

  async #fill(volumeSize: string, diskMiB: number): Promise<void> {
    await this.#do(
      buildServer({
        group,
        volumes: volumes.map(({ source, lv, fs }) => ({
          name: lv,
          fs,
          size: volumeSize,
          at: `/srv/${source}`,
        })),
      }),
    )
    // As a server has it that nobody has told otherwise.
    await this.#do('mount -o remount,noacl,nouser_xattr /srv/var')
    const inodes = Math.max(4096, 2 * labSize.files, diskMiB * 16)
    for (const [n, at] of disks.entries()) {
      const device = `/dev/vd${'bcdefg'[n]}`
      await this.#do(`mke2fs -q -t ext4 -N ${inodes} ${device}; mkdir -p ${at}; mount ${device} ${at}`)
    }
    for (const { source } of volumes) {
      const [files, bytes] = [labSize.files, labSize.bytes].map((all) => Math.round(all / volumes.length))
      await this.#do(`node /run/lab/tree.ts make /srv/${source}/files ${files} ${bytes} ${source}`)
    }
  }
}

const config = `
sources:
${volumes.map(({ source, lv, size }) => `  ${source}: { lv: ${group}/${lv}, target: mirrors, snapshot: { size: ${size} } }`).join('\n')}
targets:
  mirrors: { path: /mnt/mirrors, mounts: [{ device: /dev/vdb, at: /mnt/mirrors }] }
  archives: { path: /mnt/archives, mounts: [{ device: /dev/vdc, at: /mnt/archives }] }
archive: { target: archives }
state: /mnt/state/hdsync
functions: /mnt/state/none
`
