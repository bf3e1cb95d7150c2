import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import type { RunResult } from '../../events/index.ts'
import { type Held, hold } from './hold.ts'
import { boot, labAvailable, type Machine, makeDisk, type Result, scratchFolder } from './machine.ts'
import { buildServer, mountVolumes, type Server } from './servers.ts'

const mib = 2 ** 20

/** What a test of a night starts from. */
export interface Setting {
  /** Programs that it needs beside those of every lab machine, with the packages that have them. */
  programs?: Record<string, string>
  server: Server
  /** Sizes of the further disks in MiB, from /dev/vdb on; the volume group lies on /dev/vda. */
  disks: number[]
  /** Size of /dev/vda in MiB. */
  group?: number
  /** Runs before the volume group is made, and after each boot. */
  before?: string
  /** Makes the file systems of the backup disks and what else is needed, once. */
  prepare: string
  /** What the server does at a later boot, once its volumes are mounted. */
  boot?: string
  config: string
}

/** A server that hdsync backs up, in a machine with a power cord. */
export class Night {
  #machine: Machine | undefined
  #disks: string[] = []
  readonly #setting: Setting

  constructor(setting: Setting) {
    this.#setting = setting
  }

  get machine(): Machine {
    if (!this.#machine) throw new Error('the machine has not been booted')
    return this.#machine
  }

  async build(): Promise<void> {
    const dir = scratchFolder()
    const { server, disks, group = 1024, before, prepare, config } = this.#setting
    const sizes = [group, ...disks]
    this.#disks = await Promise.all(sizes.map((size, index) => makeDisk(dir, `disk${index}`, size * mib)))
    this.#machine = await boot({ disks: this.#disks })
    if (before) await this.machine.ok(`set -e\n${before}`)
    await this.machine.ok(buildServer(server))
    await this.configure(config)
    await this.machine.ok(`set -e\n${prepare}`)
  }

  /** Cuts the power and boots again on the same disks; the root file system starts afresh, /var/lib too. */
  async reboot(): Promise<void> {
    await this.machine.cutPower()
    this.#machine = await boot({ disks: this.#disks })
    const { server, boot: booted = '', config } = this.#setting
    await this.machine.ok(`${mountVolumes(server)}\n${booted}`)
    await this.configure(config)
  }

  /** Writes the config. */
  async configure(config: string): Promise<void> {
    writeFileSync(join(this.machine.dir, 'hdsync.yaml'), config)
    await this.machine.ok('install -D -m 644 /run/lab/hdsync.yaml /etc/hdsync/hdsync.yaml')
  }

  hdsync(...words: string[]): Promise<Result> {
    return this.machine.run(`hdsync ${words.join(' ')}`)
  }

  /** Runs `hdsync … --json` and reads what it prints. */
  async run(...words: string[]): Promise<{ code: number; result: RunResult; stderr: string }> {
    const { code, stdout, stderr } = await this.hdsync(...(words.length > 0 ? words : ['run']), '--json')
    const last = stdout.trim().split('\n').at(-1) ?? ''
    try {
      return { code, result: JSON.parse(last) as RunResult, stderr }
    } catch {
      throw new Error(`exit ${code}, no result in:\n${stdout}${stderr}`)
    }
  }

  /** Stops a program before it begins; see hold(). */
  hold(program: string, pattern?: string): Promise<Held> {
    return hold(this.machine, program, pattern)
  }
}

/** A group of tests on one server; skipped, with the reason, where no machine can boot. */
export function describeNight(name: string, setting: Setting, tests: (night: Night) => void): void {
  const lab = labAvailable(setting.programs)
  describe.skipIf(!lab.ok)(lab.ok ? name : `${name} (${lab.why})`, () => {
    const night = new Night(setting)
    beforeAll(() => night.build())
    afterAll(() => night.machine.cutPower())
    tests(night)
  })
}

/** The server of a small firm, as it was: live reiserfs and ext3 volumes, an ext2 disk with ext3 below it. */
export const classic: Setting = {
  server: {
    volumes: [
      { name: 'lv_var', fs: 'reiserfs', size: '64M', at: '/srv/var' },
      { name: 'lv_home', fs: 'ext3', size: '48M', at: '/srv/home' },
    ],
  },
  group: 400,
  disks: [64, 96, 96, 200],
  prepare: `
    mke2fs -q -t ext2 /dev/vdb; mke2fs -q -t ext3 /dev/vdc; mke2fs -q -t ext3 /dev/vdd; mke2fs -q -t ext4 /dev/vde
    mkdir -p /mnt/hdd1 /mnt/hdd9; mount /dev/vdb /mnt/hdd1; mkdir /mnt/hdd1/var /mnt/hdd1/home; umount /mnt/hdd1
    hdsync target adopt --all`,
  config: `
sources:
  var: { lv: vg01/lv_var, target: hdd1, mount: { backoff: 10ms..20ms } }
  home: { lv: vg01/lv_home, target: hdd1, snapshot: { size: 24M }, mount: { backoff: 10ms..20ms } }
targets:
  hdd1:
    path: /mnt/hdd1
    mounts:
      - { device: /dev/vdb, at: /mnt/hdd1, type: ext2 }
      - { device: /dev/vdc, at: /mnt/hdd1/var, type: ext3 }
      - { device: /dev/vdd, at: /mnt/hdd1/home, type: ext3 }
  hdd9: { path: /mnt/hdd9, mounts: [{ device: /dev/vde, at: /mnt/hdd9 }] }
archive: { target: hdd9 }
`,
}
