import { type Box, createBox } from '../../../../../runtime/cli/checks/box.ts'
import { parseConfig } from '../../../../../runtime/config/config.ts'
import {
  type Command,
  CommandError,
  type CommandRunner,
} from '../../../../../runtime/host/command/command.ts'

/** A row of lvs(8), as LVM 2.03.16 prints it for an active volume of 64 MiB in a group with 1 GiB to spare. */
const row = {
  vg_name: 'vg01',
  lv_path: '',
  lv_size: '67108864',
  lv_kernel_major: '254',
  lv_kernel_minor: '999',
  origin: '',
  pool_lv: '',
  lv_tags: '',
  lv_layout: 'linear',
  data_percent: '',
  metadata_percent: '',
  lv_snapshot_invalid: 'unknown',
  lv_check_needed: 'unknown',
  vg_free: '1073741824',
  vg_extent_size: '4194304',
}
export type Row = Partial<typeof row> & { lv_name: string }

export const config = parseConfig(
  `sources: { var: { lv: vg01/lv_var, target: disk } }
targets: { disk: { path: /nowhere/disk } }
state: /nowhere/state
`,
  'hdsync.yaml',
)

/** What a command answers; an error makes it fail with exit code 5. */
type Answer = string | { stderr: string }

/** A box whose programs give these answers, and whose volumes are these. */
export function boxWith(volumes: Row[], answers: Record<string, Answer> = {}, of = config): Box {
  const all: Record<string, Answer> = {
    lvs: JSON.stringify({ report: [{ lv: volumes.map((volume) => ({ ...row, ...volume })) }] }),
    blkid: 'ext4\n',
    ...answers,
  }
  return { ...createBox(of, 'store', { runner: runnerOf(all) }), mounts: [], root: true }
}

export function runnerOf(answers: Record<string, Answer>): CommandRunner {
  return {
    async run({ argv }: Command) {
      const answer = answers[argv[0]] ?? { stderr: `nothing is known of ${argv[0]}` }
      if (typeof answer === 'string') return { exitCode: 0, stdout: answer, stderr: '', durationMs: 0 }
      const facts = { argv, exitCode: 5, signal: undefined, stderr: answer.stderr, timedOut: false }
      throw new CommandError(`${argv[0]} ended with exit code 5: ${answer.stderr}`, facts)
    },
    open: () => {
      throw new Error('nothing is talked to here')
    },
  }
}
