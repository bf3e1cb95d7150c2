import { execFile } from 'node:child_process'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromCache, keyOf } from '../lab/cache.ts'
import { boot, makeDisk, scratchFolder } from '../lab/machine.ts'
import { kernelArguments } from '../lab/qemu.ts'
import { rootImage, rootKey } from './root.ts'
import { SystemdMachine } from './systemd.ts'

const run = promisify(execFile)
const mib = 2 ** 20

/** Sizes of the disks in MiB. The one that the server is rebuilt on is larger than its own. */
const sizes = { own: 1500, backup: 1500, empty: 1700 }

/**
 * A server with systemd that starts from its own disk by grub: partitions for grub, for /boot and for LVM, with volumes
 * for its root and for swap. A second disk has an ext4 for backups; a third one is empty.
 */
export class OwnRootServer extends SystemdMachine {
  readonly #dir = scratchFolder()

  /** Makes its disks, and boots it for the first time. /dev/vda is its own, /dev/vdb the backup's. */
  async build(): Promise<void> {
    await run('cp', ['--sparse=always', '--reflink=auto', await installedDisk(), this.#disk('own')])
    await makeDisk(this.#dir, 'backup', sizes.backup * mib)
    await run('mke2fs', ['-q', '-t', 'ext4', this.#disk('backup')])
    await this.boot('own')
  }

  /** Starts from this disk, /dev/vda, with nothing but the firmware's help; the disk with the backups is /dev/vdb. */
  async boot(from: 'own' | 'empty'): Promise<void> {
    this.machine = await boot({ disks: [this.#disk(from), this.#disk('backup')], app: false, ownStart: true })
  }

  /** Boots a live system where the server's own disk is gone: /dev/vda is an empty one, /dev/vdb that with the backups. */
  async bootLive(): Promise<void> {
    await makeDisk(this.#dir, 'empty', sizes.empty * mib)
    const root = { image: await rootImage('starting'), disk: this.#disk('live') }
    this.machine = await boot({ disks: [this.#disk('empty'), this.#disk('backup')], root, app: false })
  }

  #disk(name: string): string {
    return join(this.#dir, name)
  }
}

/** A disk with the server on it. Made once, in a machine of the lab, and then found again. Never changed. */
async function installedDisk(): Promise<string> {
  const folder = await fromCache({
    kind: 'own-roots',
    key: keyOf([rootKey('starting')], [import.meta.filename]),
    kept: 1,
    make: async (folder) => {
      const image = join(scratchFolder(), 'image')
      await copyFile(await rootImage('starting'), image)
      const disks = [await makeDisk(folder, 'disk', sizes.own * mib), image]
      const machine = await boot({ disks, app: false })
      try {
        await machine.ok(install)
        await machine.powerOff()
      } finally {
        await machine.cutPower()
      }
    },
  })
  return join(folder, 'disk')
}

const grub = {
  GRUB_TIMEOUT: '0',
  GRUB_TERMINAL: 'serial',
  GRUB_SERIAL_COMMAND: 'serial --unit=0',
  GRUB_CMDLINE_LINUX: kernelArguments.join(' '),
  GRUB_DISABLE_OS_PROBER: 'true',
}

/** Puts the root file system of /dev/vdb onto a volume of /dev/vda, as an installer does. */
const install = `set -eu
sfdisk -q /dev/vda <<'T'
label: gpt
size=1M, type=21686148-6449-6E6F-744E-656564454649
size=64M
type=E6D6D379-F507-44C2-A23C-238F2A3DF928
T
mke2fs -q -t ext4 -L boot /dev/vda2
vgcreate -q vg01 /dev/vda3 >/dev/null
lvcreate -q -y -Wn -L 640M -n root vg01 >/dev/null
lvcreate -q -y -Wn -L 16M -n swap vg01 >/dev/null
mkswap -q -L swap /dev/vg01/swap
dd if=/dev/vdb of=/dev/vg01/root bs=1M conv=sparse status=none
mkdir /mnt/new; mount /dev/vg01/root /mnt/new
mv /mnt/new/boot /mnt/new/boot.old; mkdir /mnt/new/boot; mount /dev/vda2 /mnt/new/boot
cp -a /mnt/new/boot.old/. /mnt/new/boot/; rm -r /mnt/new/boot.old
cat > /mnt/new/etc/fstab <<F
/dev/mapper/vg01-root / ext4 defaults 0 1
UUID=$(blkid -o value -s UUID /dev/vda2) /boot ext4 defaults 0 2
LABEL=swap none swap defaults 0 0
F
printf '%s\\n' ${Object.entries(grub)
  .map(([key, value]) => `'${key}="${value}"'`)
  .join(' ')} > /mnt/new/etc/default/grub
for at in proc sys dev run; do mount --rbind /$at /mnt/new/$at; done
chroot /mnt/new grub-install --target=i386-pc /dev/vda 2>&1
chroot /mnt/new grub-mkconfig -o /boot/grub/grub.cfg 2>&1
umount --recursive /mnt/new`
