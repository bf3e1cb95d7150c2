import type { RecordedDevice } from '../../host/machine/record.ts'

/** Features that describe a state, or that mke2fs does not set. @see ext4(5) */
const unset = new Set([
  'needs_recovery',
  'orphan_present',
  'journal_dev',
  'shared_blocks',
  'snapshot',
  'recover',
])

/**
 * The command that makes a file system, or swap, of the same type, UUID, label and features.
 * @param path The device that it is made on.
 * @returns undefined for a type that hdsync does not make.
 */
export function makeArgv(
  content: NonNullable<RecordedDevice['content']>,
  path: string,
): readonly [string, ...string[]] | undefined {
  const { type, uuid, label, features, blockBytes, inodeBytes } = content
  const words = (option: string, value: string | number | undefined) =>
    value === undefined ? [] : [option, String(value)]
  if (/^ext[234]$/.test(type)) {
    const kept = features?.filter((one) => !unset.has(one))
    return [
      `mkfs.${type}`,
      '-q',
      '-F',
      ...words('-U', uuid),
      ...words('-L', label),
      ...words('-b', blockBytes),
      ...words('-I', inodeBytes),
      ...(kept ? ['-O', ['none', ...kept].join(',')] : []),
      path,
    ]
  }
  if (type === 'xfs') {
    return [
      'mkfs.xfs',
      '-q',
      '-f',
      ...(uuid === undefined ? [] : ['-m', `uuid=${uuid}`]),
      ...words('-L', label),
      path,
    ]
  }
  if (type === 'btrfs') return ['mkfs.btrfs', '-q', '-f', ...words('-U', uuid), ...words('-L', label), path]
  if (type === 'reiserfs')
    return ['mkfs.reiserfs', '-q', '-ff', ...words('-u', uuid), ...words('-l', label), path]
  if (type === 'vfat')
    return ['mkfs.vfat', ...words('-i', uuid?.replace('-', '')), ...words('-n', label), path]
  if (type === 'swap') return ['mkswap', ...words('-U', uuid), ...words('-L', label), path]
  return undefined
}
