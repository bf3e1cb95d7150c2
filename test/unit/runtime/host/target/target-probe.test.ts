import { mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Target } from '../../../../../runtime/config/config.ts'
import { TerminalError } from '../../../../../runtime/errors.ts'
import { CommandError, type CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { probeTarget } from '../../../../../runtime/host/target/target-probe.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const target = (path: string): Target => ({ name: 'disk', path, mounts: [], parallel: 1 })

/** Programs that fail with these words; undefined where one is not installed. */
function machine(says: Record<string, string | undefined>): CommandRunner {
  return {
    async run({ argv }) {
      const [program] = argv
      if (!(program in says)) return { exitCode: 0, stdout: '', stderr: '', durationMs: 0 }
      const stderr = says[program]
      if (stderr === undefined) throw new TerminalError(`${program} is not installed`)
      throw new CommandError(stderr, { argv, exitCode: 1, signal: undefined, stderr, timedOut: false })
    },
    open: () => {
      throw new Error('nothing is talked to here')
    },
  }
}
const probe = async (path: string, says: Record<string, string | undefined> = {}) =>
  (await probeTarget(target(path), machine(says)))?.lacks.map(({ what }) => what)

describe('probeTarget()', () => {
  test('finds nothing missing where all is kept, and leaves nothing behind', async () => {
    const folder = temporaryFolder()
    expect(await probe(folder)).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test('names what the file system does not keep', async () => {
    const folder = temporaryFolder()
    // As reiserfs says it when it is mounted by default.
    const refusals = { setfacl: 'setfacl: f: Operation not supported', setfattr: 'Operation not supported' }
    expect(await probe(folder, refusals)).toEqual(['access lists', 'attributes'])
    expect(await probe(folder, { mkfifo: 'mkfifo: Operation not permitted' })).toEqual(['special files'])
    expect(readdirSync(folder)).toEqual([])
  })

  test('does without what is not installed', async () => {
    expect(await probe(temporaryFolder(), { setfacl: undefined, setfattr: undefined })).toEqual([])
  })

  test('removes what one that was killed has left, not what another makes now', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, '.hdsync-probe-now'))
    utimesSync(folder, 0, 0)
    await probe(folder)
    expect(readdirSync(folder)).toEqual(['.hdsync-probe-now'])
  })
})
