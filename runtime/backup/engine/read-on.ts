import { nanoid } from 'nanoid'
import type { Target } from '../../config/config.ts'
import { unobserved } from '../../host/command/command.ts'
import { createHost, type HostOptions } from '../../host/host.ts'

/** As long as anybody reads at a stretch. */
const patienceMs = 24 * 3_600_000

/**
 * Reads on targets. Disks that are not mounted are mounted read-only for it, and unmounted after; one that cannot be mounted is
 * left to the reader to miss.
 */
export async function readOn<T>(
  targets: readonly Target[],
  read: () => Promise<T>,
  options: Omit<HostOptions, 'observer' | 'signal'>,
): Promise<T> {
  const signal = AbortSignal.timeout(patienceMs)
  const host = createHost({ ...options, observer: unobserved, signal })
  const asRun = `look-${nanoid(8)}`
  try {
    for (const target of targets) await host.targets.mountToRead(target, asRun).catch(() => {})
    return await read()
  } finally {
    await host.targets.close(asRun)
  }
}
