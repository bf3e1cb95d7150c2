import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint } from '../fingerprint.ts'
import { boot, type Machine, makeDisk, scratchFolder } from '../machine.ts'
import type { Findings } from './findings.ts'
import { Hdsync } from './hdsync.ts'
import type { Hit } from './interrupted.ts'
import { frozenNight, noteWords } from './night.ts'
import type { Trial } from './plan.ts'
import { folderOf, type Server, sources } from './server.ts'

type Rescue = Extract<Trial, { kind: 'rescue' }>

const mib = 2 ** 20
/** An empty disk for the volumes, and one for the plain folder, each larger than that of the server. */
const freshMiB = { volumes: 280, state: 112 }
const words = 'rescue --disk /mnt/backup --execute --json'

/**
 * Makes the server anew on empty disks, in a machine of its own that has a copy of the mirrors; cuts its power, or kills
 * hdsync, in the middle. The same command has to go on, and every file, UUID and label has to be there. The server itself is
 * only read.
 */
export async function rescueStopped(server: Server, trial: Rescue, findings: Findings): Promise<Hit> {
  await frozenNight(server, findings)
  const expected = await portrait(server.machine, '', '/dev/vdd')
  const live = new LiveSystem()
  try {
    await live.build(server)
    const hdsync = await Hdsync.begin(live.machine, words)
    await hdsync.reach(trial.moment, 0)
    const hit = await hdsync.phase()
    const { over } = hdsync
    if (trial.by === 'cut') await live.cut()
    else await hdsync.kill()
    const first = await hdsync.ended
    noteWords(findings, first)
    findings.expect(
      !over || first.code === 0,
      'next run failed',
      `undisturbed: exit ${first.code}:\n${first.stderr}`,
    )
    if (trial.by === 'cut') await live.boot()
    if (first.code !== 0) {
      const next = await (await Hdsync.begin(live.machine, words)).ended
      noteWords(findings, next)
      findings.expect(next.code === 0, 'next run failed', `rescue: exit ${next.code}:\n${next.stderr}`)
    }
    const found = await portrait(live.machine, '/mnt/rescue', '/dev/vdc')
    for (const [what, text] of Object.entries(expected)) {
      findings.expect(found[what] === text, 'rescues unequal', `${what} after the ${trial.by}`)
      findings.texts[`${what}.expected`] = text
      findings.texts[`${what}.rescued`] = found[what] ?? ''
    }
    findings.texts['console-live.txt'] = live.machine.console()
    return hit
  } finally {
    await live.destroy()
  }
}

/** What a live system is booted on: empty disks, and a copy of that with the mirrors. */
class LiveSystem {
  readonly #dir = scratchFolder()
  #disks: string[] = []
  #machine: Machine | undefined

  get machine(): Machine {
    if (!this.#machine) throw new Error('the live system has not been booted')
    return this.#machine
  }

  async build(server: Server): Promise<void> {
    const mirrors = join(this.#dir, 'mirrors')
    await server.copyMirrors(mirrors)
    const volumes = await makeDisk(this.#dir, 'volumes', freshMiB.volumes * mib)
    const state = await makeDisk(this.#dir, 'state', freshMiB.state * mib)
    this.#disks = [volumes, mirrors, state]
    await this.boot()
  }

  async boot(): Promise<void> {
    this.#machine = await boot({ disks: this.#disks })
    await this.machine.ok('mkdir -p /mnt/backup; mount /dev/vdb /mnt/backup')
  }

  async cut(): Promise<void> {
    await this.machine.cutPower()
  }

  async destroy(): Promise<void> {
    await this.#machine?.cutPower()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** Every file of each source, and what the file systems are known by. */
async function portrait(machine: Machine, root: string, stateDisk: string): Promise<Record<string, string>> {
  const trees: [string, string][] = []
  for (const source of sources) {
    const { stdout } = await machine.run(`test -d ${root}${folderOf(source)} && echo there`)
    const text = stdout
      ? await fingerprint(machine, `${root}${folderOf(source)}`, { wholeSeconds: true })
      : ''
    trees.push([source, text])
  }
  const devices = `/dev/vg01/lv_var /dev/vg01/lv_home ${stateDisk}`
  const { stdout } = await machine.run(
    `for device in ${devices}; do blkid -p -o value -s UUID -s LABEL -s TYPE $device; done`,
  )
  return { ...Object.fromEntries(trees), identities: stdout }
}
