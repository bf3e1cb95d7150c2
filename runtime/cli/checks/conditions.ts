/**
 * Everything that `hdsync check` can find, with its severity: `error` when a backup will not come about, `warning`
 * when one will but somebody should look. The ids are stable. `hdsync check --list` prints this table.
 */
export const conditions = {
  'check.failed': ['error', 'something could not be looked at'],

  'config.ok': ['ok', 'the config is well-formed'],
  'config.odd': ['warning', 'a setting has no effect, or not the one that is hoped for'],
  'config.replaceable': ['warning', 'the folder of the config or of the functions can be written by others'],

  'tool.ok': ['ok', 'the programs that are needed'],
  'tool.missing': ['error', 'a program is not installed'],
  'tool.too-old': ['error', 'a program is older than needed'],
  'tool.incomplete': ['error', 'rsync was built without ACLs or extended attributes'],
  'tool.unknown': ['warning', 'a program is not the one that is expected'],
  'user.not-root': ['error, warning', 'this user may not do what the config asks for, or not all of it'],

  'path.ok': ['ok', 'a directory that is backed up'],
  'path.unreadable': ['error', 'a directory does not exist or cannot be read'],
  'path.empty': ['error, warning', 'a directory is empty; an error where its mirror is not'],
  'path.uncovered': ['warning', 'a directory holds another file system or subvolume that is in no backup'],
  'machine.uncovered': ['ok, warning', 'a file system of the machine is in no source'],
  'path.shadowed': ['warning', 'a mirror keeps old files of a folder that a mount hides in the source'],
  'path.excluded': ['warning', '`exclude` leaves out all of a source'],
  'path.swappable': [
    'error',
    'rsync is older than 3.5.0, and a directory cannot be mounted so that no link in it is followed',
  ],

  'lvm.ok': ['ok', 'a volume, and the room for its snapshot'],
  'lvm.unreadable': ['error', 'LVM cannot be asked about a volume group'],
  'lvm.no-volume': ['error', 'a logical volume does not exist'],
  'lvm.inactive': ['error', 'a logical volume is not active'],
  'lvm.no-free-extents': ['error', 'a volume group has no room for a snapshot'],
  'lvm.few-free-extents': ['warning', 'a volume group has less room than a snapshot should have'],
  'lvm.pool-full': ['error', 'a thin pool is too full, or too damaged, for a snapshot'],
  'lvm.pool-filling': ['warning', 'the data or metadata of a thin pool are filling up'],
  'lvm.cached': ['warning', 'a volume is cached, and LVM checks the cache before it takes a snapshot'],
  'lvm.name-taken': ['error', 'a volume of somebody else has the name of the snapshot'],
  'lvm.file-system': ['ok', 'the file system of a volume'],
  'lvm.nouuid': ['ok', 'XFS: its snapshots are mounted with nouuid'],
  'lvm.no-file-system': ['error', 'a volume holds no file system: LUKS, swap, part of a RAID, or nothing'],
  'lvm.unsupported-file-system': ['error', 'snapshots of this file system must not, or cannot, be mounted'],
  'lvm.foreign-snapshot': [
    'warning',
    'a volume has a snapshot of somebody else, which slows its writes down',
  ],
  'lvm.overflowed-snapshot': ['warning', 'a snapshot of somebody else has overflowed'],
  'lvm.no-kernel-module': ['error', 'the kernel has no dm-snapshot'],
  'lvm.autoextend': ['warning', 'dmeventd extends snapshots as well, beside hdsync'],

  'source.nearly-full': ['warning', 'the file system of a source is nearly full'],
  'source.overdue': ['warning', 'a source has had no good backup for longer than `alert.after`'],
  'source.held': ['warning', 'a sync waits for `hdsync release`'],
  'source.unusual': [
    'warning',
    'a copy changed unusually many files; nothing is pruned until `hdsync release`',
  ],
  'mirror.suspect': ['warning', 'a mirror is not to be trusted until its next good sync'],

  'target.ok': ['ok', 'a target is there, and is the right one'],
  'target.unplugged': ['ok', 'the disk of copies is not plugged in'],
  'target.not-mounted': ['ok', 'a target is not mounted now, but can be'],
  'target.volatile': ['warning', 'a target lies in memory, and is gone when the machine goes down'],
  'target.no-folder': ['error', 'the folder of a target does not exist'],
  'target.no-device': ['error', 'a disk of a target is not there'],
  'target.no-mount-point': ['error', 'there is no folder to mount a disk at'],
  'target.wrong-disk': ['error', 'another disk is mounted where a target is'],
  'target.read-only': ['error', 'a target is mounted read-only'],
  'target.no-marker': ['error', 'a target has not been adopted'],
  'target.other-marker': ['error', 'a disk was adopted as another target'],
  'target.bad-marker': ['error', 'the marker of a target cannot be read'],
  'target.open': ['warning', 'others than root can look into a target'],
  'target.writable': ['error', 'others than root can write in a target, or put another in its place'],
  'target.foreign-mirror': ['error', 'a mirror belongs to another host, or to another event store'],
  'target.renamed-host': ['warning', 'the folder of a target has an earlier name of this host'],
  'target.link': ['error', 'a link, or something else that is no folder, lies where archives go'],
  'target.too-small': ['error', 'a disk is too small for the mirrors that it is to hold'],
  'target.nearly-full': ['warning', 'the disk of a target is nearly full'],
  'target.on-source': ['error', 'a target lies in what is backed up to it, or holds it'],
  'target.stray-mirror': [
    'error',
    'a mirror is a link, lies on a disk that is not its target’s, or holds the state folder',
  ],
  'target.unsuitable': [
    'error, warning',
    'a target does not keep owners, modes, links, special files or names; an error where most copies fail',
  ],
  'target.no-acls': ['warning', 'a target keeps no access lists'],
  'target.no-xattrs': ['warning', 'a target keeps no extended attributes'],
  'target.unlisted-mount': ['warning', 'something is mounted in a target that `mounts` does not list'],
  'target.same-disk': ['warning', 'a target lies on the disk of its source'],
  'target.forgotten': [
    'warning',
    'a target holds the mirror or archives of a source that is not in the config',
  ],
  'copy.ok': ['ok', 'a vault that copies are sent to is known'],
  'copy.no-key': ['error', 'the key that a vault knows this host by is not there'],
  'copy.no-recipients': ['error', 'copies cannot be encrypted to the recipients that the config names'],
  'copy.open-key': ['error', 'others can read the key that a vault knows this host by'],
  'copy.no-host-key': ['warning', 'the host key of a vault is not known: `hdsync copies trust`'],

  'vault.ok': ['ok', 'this machine takes copies from other hosts'],
  'vault.no-folder': ['error', 'the vault is not prepared for a host of the config'],
  'vault.mount': ['warning', 'the vault lies on a file system without nosuid, nodev or noexec'],
  'vault.hardlinks': ['warning', 'users of hosts can give files of others a name in the vault'],
  'vault.same-owner': ['warning', 'a host sends as the user that owns the vault'],
  'vault.no-key': ['error', 'the key that a host knows this vault by is not there'],
  'vault.open-key': ['error', 'others can read the key that a host knows this vault by'],
  'vault.no-host-key': [
    'warning',
    'the host key of a host that the vault fetches from is not known: `hdsync vault trust`',
  ],
  'vault.pull-failed': ['warning', 'something could not be fetched from a host the last time'],
  'vault.pull-overdue': ['warning', 'nothing has come for too long of a host that the vault fetches from'],
  'vault.odd': ['warning', 'what a host sends is odd: none of its older copies goes'],

  'archive.filling': [
    'warning',
    'the disk of the archives will be full soon, by the growth of the last nights',
  ],
  'catalogue.stale': ['warning', 'a catalogue does not know all archives: listings read those whole'],
  'archive.no-room': ['error', 'an archive of the last size does not fit beside last week’s'],
  'archive.week-too-large': ['warning', 'the archives of a whole week will not fit'],

  'state.ok': ['ok', 'the state directory'],
  'state.not-writable': ['error', 'the state directory cannot be written'],
  'state.nearly-full': ['warning', 'the disk of the state directory is nearly full'],
  'runtime.no-room': ['error', 'there is no room for what a run notes of its mounts, in /run as a rule'],
  'store.none': ['ok', 'there is no event store yet'],
  'store.ok': ['ok', 'the event store is sound'],
  'store.damaged': ['error', 'the event store is damaged'],
  'store.unreadable': ['error', 'the event store cannot be read'],
  'dead.waiting': ['warning', 'steps were given up since the last good run'],
  'hdsync.running': ['ok', 'another hdsync is at work'],

  'leftover.mount': ['warning', 'a run that is over left something mounted'],
  'leftover.snapshot': ['warning', 'a run that is over left a snapshot'],
  'leftover.half-made': ['warning', 'an lvcreate that was cut off left half a snapshot'],
  'leftover.scratch': ['warning', 'a drill that was cut off left its volume'],
  'leftover.foreign-snapshot': ['warning', 'a snapshot belongs to another hdsync'],

  'fleet.config': ['ok', 'what the hub of the fleet has set in the config'],
  'fleet.daemon': ['ok', 'the daemon is there for the fleet'],
  'fleet.no-daemon': ['warning', 'the fleet needs the daemon, which does not run or is not started at boot'],

  'timer.ok': ['ok', 'what starts the nightly run'],
  'timer.none': ['warning', 'nothing starts a run at night'],
  'timer.disabled': ['warning', 'the timer is not enabled, or does not wait'],
  'timer.never-fired': ['warning', 'the timer has waited for two days without firing'],
  'clock.ok': ['ok', 'the clock is synchronised'],
  'clock.unsynchronised': ['warning', 'the clock is not synchronised'],

  'notify.ok': ['ok', 'a hook'],
  'notify.missing': ['error', 'the program of a hook does not exist'],
  'notify.not-executable': ['error', 'the program of a hook cannot be executed'],
  'notify.writable': ['warning', 'the program of a hook can be written by others'],
  'notify.disabled': ['warning', 'a hook was told to be quiet, and is disabled'],
  'notify.secret': ['error', 'a secret of a hook cannot be read, or can be read by others'],
  'notify.private': ['error', 'a hook has an address that is not of the internet'],
  'notify.unknown-host': ['warning', 'the name of the host of a hook cannot be looked up'],
  'notify.clear-text': ['warning', 'a hook tells what it has to tell unencrypted'],
  'fleet.certificate': ['warning', 'the certificate of the NATS server expires soon, or has expired'],
  'fleet.hub-gone': ['warning', 'another hub of the fleet has said nothing for minutes'],
  'http.no-token': ['warning', 'a port has no token: it answers questions, and takes nothing but webhooks'],
  'http.tls': [
    'ok, warning',
    'the certificate of the port; a warning where it or its key is broken, or expires soon',
  ],
  'functions.ok': ['ok', 'the functions load and fit together'],
  'functions.broken': ['error', 'a function does not load, is not trusted, or does not fit'],
  'functions.off': ['ok', 'a function is disabled'],
  'functions.uncalled': ['warning', 'a function at a gate is disabled, or no source opens its gate'],
} as const satisfies Record<string, readonly [severity: string, meaning: string]>

/** The id of something that can be found. */
export type ConditionId = keyof typeof conditions

/** Ids that may be found with this severity. */
export type IdOf<S extends string> = {
  [Id in ConditionId]: (typeof conditions)[Id][0] extends `${string}${S}${string}` ? Id : never
}[ConditionId]
