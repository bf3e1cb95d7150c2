import files from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { CommandRunner } from '../../../../runtime/host/command/command.ts'
import { recordingRunner } from './runner.ts'

// Makes an archive, and is killed when it comes to a call of the system or a command.
const [what, at, stateDirectory = '', plan = '', earlier = ''] = process.argv.slice(2)
const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}
// The first `open` is that of the archive which is read back: a stream writes it.
if (['copyFile', 'link', 'rename', 'open'].includes(at ?? '')) Object.assign(fs, { [at as string]: die })
// That of an archive's file tells its nanoseconds.
const { lstatSync } = files
if (at === 'stat')
  Object.assign(files, {
    lstatSync: (path: string, options: { bigint?: boolean } = {}) =>
      options.bigint ? die() : lstatSync(path, options),
  })
syncBuiltinESMExports()

const { runner } = recordingRunner()
const deadly: CommandRunner = {
  ...runner,
  run: (command) => (command.argv[0] === at ? die() : runner.run(command)),
}
const { createArchives } = await import('../../../../runtime/host/archive/archives.ts')
const { signal } = new AbortController()
const boots = { current: 'boot', inOrderSince: () => true }
const archives = createArchives({ runner: deadly, signal, boots, stateDirectory })
if (what === 'write') await archives.write(JSON.parse(plan), () => {})
else await archives.reuse(JSON.parse(plan), JSON.parse(earlier), () => {})
