import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { searchPath } from './available.ts'
import { fromCache, keyOf } from './cache.ts'

const run = promisify(execFile)
const kernelsKept = 2

/** What a lab machine boots from: paths. */
export interface Kernel {
  image: string
  initrd: string
  /** The folder that is /lib/modules inside; it holds that of this one version. */
  modules: string
}

/**
 * Debian's own kernel, unpacked into a folder of the lab and not installed. Made once, in about ten seconds, and
 * then found again, by other processes too.
 * @throws With what apt says, without a network for example.
 */
export async function labKernel(): Promise<Kernel> {
  const files = ['make-kernel', 'first'].map((file) => join(import.meta.dirname, file))
  const folder = await fromCache({
    kind: 'kernels',
    // By what makes it; apt is not asked again for a newer one.
    key: keyOf([], files),
    kept: kernelsKept,
    make: async (folder) => {
      await run(join(import.meta.dirname, 'make-kernel'), [folder], {
        env: { ...process.env, PATH: searchPath.join(':') },
      })
    },
  })
  return {
    image: join(folder, 'kernel'),
    initrd: join(folder, 'initrd'),
    modules: join(folder, 'modules'),
  }
}
