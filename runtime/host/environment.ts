const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Variables of the caller's that would change what our commands do. */
const unwanted = /^(TAR_OPTIONS|TAPE|GZIP|ZSTD_\w+|RSYNC_\w+|POSIXLY_CORRECT|LC_\w+|LANG|LANGUAGE)$/

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
