import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { searchPath } from './available.ts'
import { cacheFolder, keepInCache } from './scratch.ts'

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
  const folder = kernelFolder()
  if (!existsSync(folder)) {
    await run(join(import.meta.dirname, 'make-kernel'), [folder], {
      env: { ...process.env, PATH: searchPath.join(':') },
    })
  }
  keepInCache(folder, /^[0-9a-f]{16}$/, kernelsKept)
  return {
    image: join(folder, 'kernel'),
    initrd: join(folder, 'initrd'),
    modules: join(folder, 'modules'),
  }
}

/** Named by what makes it; apt is not asked again for a newer one. */
function kernelFolder(): string {
  const hash = createHash('sha256')
  for (const file of ['make-kernel', 'first']) hash.update(readFileSync(join(import.meta.dirname, file)))
  return join(cacheFolder('kernels'), hash.digest('hex').slice(0, 16))
}
