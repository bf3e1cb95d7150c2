import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { labAvailable } from '../machine.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, 'main.ts')
/** A minute on an idle processor. */
const timeoutMs = 1_800_000
const lab = labAvailable()

describe.skipIf(!lab.ok)(lab.ok ? 'a short torture' : `a short torture (${lab.why})`, () => {
  it(
    'finds nothing lost, left or torn after a power cut',
    async () => {
      const words = [main, '--cuts', '8', '--seed', '7', '--only', 'cut-5']
      const { stdout, stderr } = await run(process.execPath, words).catch((failed) => failed)
      expect(stdout, `${stdout}\n${stderr}`).not.toMatch(/evidence:|not made/)
      expect(stdout).toMatch(/^trials .* 1$/m)
    },
    timeoutMs,
  )
})
