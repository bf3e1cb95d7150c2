import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs'

/**
 * The processes that have a file open, or mapped. As root all of them are seen, else those of the own user.
 * @see proc_pid_fd(5), proc_pid_maps(5)
 */
export function processesWith({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): number[] {
  return processIds().filter((pid) => hasOpen(pid) || hasMapped(pid))

  function hasOpen(pid: number): boolean {
    const folder = `/proc/${pid}/fd`
    return attempt(() => readdirSync(folder), []).some((fd) => {
      const found = attempt(() => statSync(`${folder}/${fd}`), undefined)
      return found?.ino === ino && found.dev === dev
    })
  }

  // btrfs tells another device there than stat(2) does: the inode alone is compared.
  function hasMapped(pid: number): boolean {
    const maps = attempt(() => readFileSync(`/proc/${pid}/maps`, 'utf8'), '')
    return maps.includes(` ${ino} `) && maps.split('\n').some((line) => line.split(/ +/)[4] === String(ino))
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Processes come and go meanwhile, and some may not be looked at. */
function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
