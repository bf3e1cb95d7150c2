const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Variables of the caller's that would change what our commands do, or take them for a program of a function's. */
const unwanted =
  /^(HDSYNC_PROGRAM|TAR_OPTIONS|TAPE|GZIP|ZSTD_\w+|RSYNC_\w+|POSIXLY_CORRECT|LC_\w+|LANG|LANGUAGE)$/

/**
 * What every command sees: the caller's variables but for those that would change what it does, messages in
 * English, and the places where administrators' programs live.
 */
export function commandEnvironment(owner: string): Record<string, string> {
  const path = (process.env.PATH ?? '').split(':').filter((entry) => entry.startsWith('/'))
  const kept = Object.entries(process.env).filter(([name]) => !unwanted.test(name))
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    LC_ALL: 'C',
    LVM_SUPPRESS_FD_WARNINGS: '1',
    HDSYNC_OWNER: owner,
    PATH: [...new Set([...path, ...directories])].join(':'),
  }
}

/** What marks a command in its environment as ours, and as one that may be stopped or has to be waited for. */
export function ownerMark(owner: string, interruptible: boolean): string {
  return interruptible ? owner : `${owner}.wait`
}

/**
 * What leads a command to the mounts of the machine. A sandbox (systemd's `ProtectSystem=`) has mounts of its own:
 * what is mounted there is seen by nobody else, and what is unmounted there stays for everybody else. Who puts
 * hdsync into one tells it the way out, as `HDSYNC_MOUNT_NAMESPACE=/proc/1/ns/mnt`.
 * @see mount_namespaces(7)
 */
export function wayToMachine(env = process.env): string[] {
  const namespace = env.HDSYNC_MOUNT_NAMESPACE
  return namespace ? ['nsenter', `--mount=${namespace}`, '--'] : []
}

/**
 * The folder at which the files of the machine are, where a sandbox shows some of them read-only. Empty where there is none.
 * What is opened by way of it is in the mounts of the machine, with all that is named through it.
 * @see proc_pid_root(5)
 */
export function machineRoot(env = process.env): string {
  return /^(\/proc\/\d+)\/ns\/mnt$/.exec(env.HDSYNC_MOUNT_NAMESPACE ?? '')?.[1]?.concat('/root') ?? ''
}
