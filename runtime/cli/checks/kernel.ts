import { TerminalError } from '../../errors.ts'
import { CommandError } from '../../host/command/command.ts'
import type { Box } from './box.ts'
import { error, type Finding, warning } from './finding.ts'

const timeoutMs = 30_000

/** Whether the kernel and LVM's own daemon let hdsync take snapshots and keep them. */
export async function checkKernel(box: Box): Promise<Finding[]> {
  if (!Object.values(box.config.sources).some(({ kind }) => kind === 'lv')) return []
  return [...(await checkModule(box)), ...(await checkAutoextend(box))]
}

/** Loaded, built in, or there to be loaded. @see modprobe(8) */
async function checkModule({ runner }: Box): Promise<Finding[]> {
  const works = async (argv: readonly [string, ...string[]], says: RegExp) => {
    try {
      return says.test((await runner.run({ argv, timeoutMs })).stdout)
    } catch (thrown) {
      if (thrown instanceof CommandError || thrown instanceof TerminalError) return false
      throw thrown
    }
  }
  if (await works(['dmsetup', 'targets'], /^snapshot\s/m)) return []
  if (await works(['modprobe', '--dry-run', '--quiet', 'dm-snapshot'], /^/)) return []
  const finding = 'the kernel has no dm-snapshot, and so no snapshots'
  return [error('lvm.no-kernel-module', 'kernel', finding, 'modprobe dm-snapshot tells why')]
}

/**
 * dmeventd would make snapshots larger too, by its own rules and beyond `snapshot.max`.
 * @see lvm.conf(5), snapshot_autoextend_threshold: 100 switches it off
 */
async function checkAutoextend({ runner }: Box): Promise<Finding[]> {
  const argv = [
    'lvmconfig',
    '--typeconfig',
    'full',
    'activation/snapshot_autoextend_threshold',
    'activation/monitoring',
  ] as const
  let said: string
  try {
    said = (await runner.run({ argv, timeoutMs })).stdout
  } catch (thrown) {
    if (thrown instanceof CommandError || thrown instanceof TerminalError) return []
    throw thrown
  }
  const value = (name: string) => Number(new RegExp(`^\\s*${name}=(\\d+)`, 'm').exec(said)?.[1])
  const threshold = value('snapshot_autoextend_threshold')
  if (!(threshold < 100) || value('monitoring') === 0) return []
  return [
    warning(
      'lvm.autoextend',
      'kernel',
      `dmeventd extends snapshots as well, from ${threshold}% on: it knows no \`snapshot.max\``,
      'set snapshot_autoextend_threshold = 100 in /etc/lvm/lvm.conf: hdsync extends its own',
    ),
  ]
}
