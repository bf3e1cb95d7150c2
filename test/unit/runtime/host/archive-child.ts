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
const names = { copyFile: 'copyFile', link: 'link', rename: 'rename', open: 'open', stat: 'lstat' } as const
const name = names[at as keyof typeof names]
if (name) Object.assign(fs, { [name]: die })
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
