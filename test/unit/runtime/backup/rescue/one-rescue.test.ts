import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { holdRescue } from '../../../../../runtime/backup/rescue/one-rescue.ts'
import { BusyError } from '../../../../../runtime/errors.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const file = resolve('runtime/backup/rescue/one-rescue.ts')

test('a second rescue hears which process is at it, until that has ended, however it ends', async () => {
  const folder = temporaryFolder()
  const script = `import { holdRescue } from ${JSON.stringify(file)}
    globalThis.held = holdRescue(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000)`
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void other.kill('SIGKILL'))
  await once(other.stdout, 'data')
  expect(() => holdRescue(folder)).toThrow(BusyError)
  expect(() => holdRescue(folder)).toThrow(`another hdsync (process ${other.pid}) rebuilds a machine`)
  other.kill('SIGKILL')
  await once(other, 'exit')
  holdRescue(folder)[Symbol.dispose]()
  holdRescue(folder)[Symbol.dispose]()
})
