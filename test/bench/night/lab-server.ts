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
const letters = 'abcdef'
const disks = ['/mnt/mirrors', '/mnt/archives', '/mnt/classic-mirrors', '/mnt/classic-archives', '/mnt/state']

/**
 * A server with two live volumes, in a machine of its own; hdsync is the released form of it. Its disks are mounted
 * before a night and stay so, as those of the script do.
 */
export class LabServer {
  readonly machine: Machine
  readonly ours: Side & { commands(): Promise<Command[]> }
  readonly script: Side
  readonly #seekMs: number

  /** @param seekMs How long its disks take for each request; nothing unless given. Then nothing is in memory before a night. */
  static async start(folder: string, seekMs = 0): Promise<LabServer> {
    const dir = scratchFolder()
    const volumeMiB = Math.ceil((labSize.bytes / volumes.length / mib) * 1.4) + 60
    const diskMiB = 2 * volumeMiB + 100
    const sizes = [volumes.length * (volumeMiB + 64) + 64, ...disks.map(() => diskMiB)]
    const files = await Promise.all(sizes.map((size, at) => makeDisk(dir, `disk${at}`, size * mib)))
    const server = new LabServer(await boot({ disks: files, memory: '3G', processors: 2 }), seekMs)
    await server.#install(await build(folder))
    await server.#fill(`${volumeMiB}M`, diskMiB)
    if (seekMs > 0) await server.#slow(seekMs)
    return server
  }

  private constructor(machine: Machine, seekMs: number) {
    this.machine = machine
    this.#seekMs = seekMs
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
      ${this.#seekMs > 0 ? 'echo 3 > /proc/sys/vm/drop_caches' : ''}
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
    writeFileSync(
      join(this.machine.dir, 'hdsync.yaml'),
      config((letter) => this.#disk(letter)),
    )
    await this.#do(`cp -r /run/lab/build /opt/built
      printf '#!/bin/sh\\nHDSYNC_NODE=/opt/hdsync/node_modules/node/bin/node exec /opt/built/bin/hdsync "$@"\\n' > /usr/local/bin/hdsync
      install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml`)
  }

  #disk(letter: string): string {
    return this.#seekMs > 0 ? `/dev/mapper/slow${letter}` : `/dev/vd${letter}`
  }

  async #slow(ms: number): Promise<void> {
    for (const letter of letters) {
      await this.#do(
        `dmsetup reload slow${letter} --table "$(${tableOf(letter, ms)})" && dmsetup resume slow${letter}`,
      )
    }
  }

  async #fill(volumeSize: string, diskMiB: number): Promise<void> {
    // What is below a slow disk looks to LVM like a second one of the same.
    if (this.#seekMs > 0) {
      await this.#do(`echo 'devices { filter = [ "r|^/dev/vd|", "a|.*|" ] }' >> /etc/lvm/lvmlocal.conf`)
    }
    for (const letter of this.#seekMs > 0 ? letters : '') {
      await this.#do(`dmsetup create slow${letter} --table "$(${tableOf(letter, 0)})" && dmsetup mknodes`)
    }
    await this.#do(
      buildServer({
        group,
        disk: this.#disk('a'),
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
      const device = this.#disk(letters[n + 1] ?? '')
      await this.#do(`mke2fs -q -t ext4 -N ${inodes} ${device}; mkdir -p ${at}; mount ${device} ${at}`)
    }
    for (const { source } of volumes) {
      const [files, bytes] = [labSize.files, labSize.bytes].map((all) => Math.round(all / volumes.length))
      await this.#do(`node /run/lab/tree.ts make /srv/${source}/files ${files} ${bytes} ${source}`)
    }
  }
}

/** Prints the table of a disk that takes so long for each request. */
function tableOf(letter: string, ms: number): string {
  const disk = `/dev/vd${letter}`
  return `echo 0 $(blockdev --getsz ${disk}) delay ${disk} 0 ${ms} ${disk} 0 ${ms}`
}

const config = (disk: (letter: string) => string) => `
sources:
${volumes.map(({ source, lv, size }) => `  ${source}: { lv: ${group}/${lv}, target: mirrors, snapshot: { size: ${size} } }`).join('\n')}
targets:
  mirrors: { path: /mnt/mirrors, mounts: [{ device: ${disk('b')}, at: /mnt/mirrors }] }
  archives: { path: /mnt/archives, mounts: [{ device: ${disk('c')}, at: /mnt/archives }] }
archive: { target: archives }
state: /mnt/state/hdsync
functions: /mnt/state/none
`
