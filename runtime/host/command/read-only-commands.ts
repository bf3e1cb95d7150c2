/**
 * Whether a command only looks: it changes nothing of the machine, and how often it is called depends on what it sees. A plan leaves
 * these out, and makes some of them itself to find out what a run would do.
 */
export function onlyLooks(argv: readonly string[]): boolean {
  const [program = '', first] = argv
  if (program === 'dd') return argv.includes('count=0') && !argv.some((word) => word.startsWith('of='))
  if (program === 'rsync') return first === '--version'
  if (program === 'modprobe') return first === '--dry-run'
  if (program === 'btrfs') return argv[2] === 'list'
  if (program === 'sfdisk') return first === '--dump'
  if (program === 'mdadm') return first === '--detail'
  if (program === 'cryptsetup') return first === 'luksDump'
  return looking.has(program) || (program === 'dmsetup' && first === 'status')
}

const looking = new Set([
  'lvs',
  'vgs',
  'pvs',
  'blkid',
  'findfs',
  'dmesg',
  'dumpe2fs',
  'find',
  'lsblk',
  'findmnt',
  'vgcfgbackup',
])
