import { join } from 'node:path'
import { compileCache } from './app.ts'
import type { Kernel } from './kernel.ts'

/** A machine as QEMU is told of it: sizes as its command line has them, paths on the host. */
export interface Hardware {
  kernel: Kernel
  memory: string
  processors: number
  /** For the console's log; /run/lab inside. */
  dir: string
  disks: string[]
  /** Read-only image for /opt/hdsync. */
  app: string | false
  /** A disk that is the root, with systemd; without it, the root is the host's. */
  root?: string
  /** The first disk starts the machine, by its own boot loader and kernel: the lab's kernel is not used. */
  ownStart?: boolean
}

/** The words of QEMU's command line: a small PC that computes in software, and ends when it is switched off. */
export function qemuWords(hardware: Hardware): string[] {
  const { kernel, memory, processors, dir, disks, app, root, ownStart } = hardware
  const files = [...disks, ...(app ? [app] : []), ...(root ? [root] : [])]
  return [
    ...['-machine', 'pc', '-accel', 'tcg,tb-size=512', '-cpu', processor],
    ...['-smp', `${processors}`, '-m', memory],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...(ownStart ? [] : labStart(hardware, files.length - 1)),
    ...['-chardev', `file,id=console,path=${join(dir, 'console.log')},append=on`],
    ...['-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=line,signal=off', '-device', 'virtio-serial-pci'],
    ...['-device', 'virtserialport,chardev=line,name=lab'],
    ...files.flatMap((path, index) => disk(path, index, path === app)),
    ...share('modules', kernel.modules, ',readonly=on'),
    ...share('lab', dir),
    ...(app ? share('cache', compileCache()) : []),
    ...(root || ownStart ? [] : share('host', '/', ',readonly=on')),
  ]
}

/** The lab's kernel, and what it is told. */
function labStart({ kernel, disks, app, root }: Hardware, last: number): string[] {
  const append = [
    ...(root ? [`labroot=${diskName(last)}`, 'labinit=/lib/systemd/systemd'] : hostArguments),
    ...(app ? [`labapp=${diskName(disks.length)}`] : []),
    ...kernelArguments,
  ]
  return ['-kernel', kernel.image, '-initrd', kernel.initrd, '-append', append.join(' ')]
}

const hostArguments = [`labinit=${join(import.meta.dirname, 'init')}`]

/** With all addresses the same at each start, code that was translated once is found again: that halves a night. */
const fastInSoftware = [
  'mitigations=off',
  'nokaslr',
  'norandmaps',
  'transparent_hugepage=never',
  'init_on_alloc=0',
  'apparmor=0',
  'audit=0',
]

/** What every kernel here is told; one that starts from its own disk has it from its boot loader. */
export const kernelArguments = ['console=ttyS0', 'quiet', 'panic=-1', ...fastInSoftware]

/** Programs choose their fastest code by it; what is wider than SSE is slow in software. */
const processor = 'Nehalem,+rdrand'

/** /dev/vda, /dev/vdb, ... in the order in which they are given. */
function diskName(index: number): string {
  return `vd${String.fromCharCode('a'.charCodeAt(0) + index)}`
}

/**
 * What is written is in the host's memory at once, and stays when the machine is killed: it need not wait for
 * the host's disk.
 */
function disk(path: string, index: number, readOnly: boolean): string[] {
  const drive = `file=${path},if=none,id=disk${index},format=raw,cache=unsafe${readOnly ? ',readonly=on' : ''}`
  return ['-drive', drive, '-device', `virtio-blk-pci,drive=disk${index}`]
}

/** A folder of the host, by a name that the machine mounts it by. */
function share(name: string, path: string, options = ''): string[] {
  return [
    ...['-fsdev', `local,id=${name},path=${path},security_model=none,multidevs=remap${options}`],
    ...['-device', `virtio-9p-pci,fsdev=${name},mount_tag=${name}`],
  ]
}
