import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { argvOf } from '../../../../../runtime/host/command/orphans.ts'
import { createTellHook } from '../../../../../runtime/host/notify/hooks.ts'
import { event } from '../../../../contract/publication.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

/** Says when it begins and ends; ends when there is a file `go`. */
const script = `#!/bin/sh
echo "begins $1" >> told
[ "$1" = slow ] && until [ -e go ]; do sleep 0.02; done
echo "ends $1" >> told
`

/** An hdsync that was killed, and what it had started. */
async function orphan(folder: string, eventId: string, word: string): Promise<number> {
  const code = `
    const { pid } = require('node:child_process').spawn('./hook', ['${word}'], { detached: true, stdio: 'ignore' })
    console.log(pid)
    process.kill(process.pid, 'SIGKILL')`
  const env = { ...process.env, HDSYNC_EVENT_ID: eventId }
  const parent: ChildProcess = spawn(process.execPath, ['-e', code], { env, cwd: folder, stdio: 'pipe' })
  const [line] = await once(parent.stdout as NodeJS.ReadableStream, 'data')
  const pid = Number(line)
  onTestFinished(() => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  return pid
}

function hookIn(folder: string, word: string, timeoutMs: number) {
  const argv = [join(folder, 'hook'), word] as const
  const signal = new AbortController().signal
  return createTellHook(recordingRunner().runner, signal)(
    { kind: 'exec', name: 'hook', on: ['run.*'], argv, timeoutMs } as never,
    event('again', { type: 'run.failed' }),
  )
}

function prepare(): { folder: string; told: () => string[]; go: () => void } {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, 'hook'),
    script.replaceAll('told', join(folder, 'told')).replace('-e go', `-e ${join(folder, 'go')}`),
  )
  chmodSync(join(folder, 'hook'), 0o755)
  return {
    folder,
    told: () => readFileSync(join(folder, 'told'), 'utf8').trim().split('\n'),
    go: () => writeFileSync(join(folder, 'go'), ''),
  }
}

test('a hook that outlived its hdsync is waited for before its event is told again', async () => {
  const { folder, told, go } = prepare()
  await orphan(folder, 'again', 'slow')
  await expect.poll(told).toEqual(['begins slow'])
  const second = hookIn(folder, 'slow', 20_000)
  setTimeout(go, 200)
  await second
  expect(told()).toEqual(['begins slow', 'ends slow', 'begins slow', 'ends slow'])
})

test('a hook that outlived its hdsync is ended once it has had its time', async () => {
  const { folder, told } = prepare()
  const pid = await orphan(folder, 'again', 'slow')
  await expect.poll(told).toEqual(['begins slow'])
  await expect(hookIn(folder, 'slow', 1000)).rejects.toThrow('took longer than 1 s')
  expect(told()).toEqual(['begins slow', 'begins slow'])
  expect(argvOf(pid)).toEqual([])
})

test('hooks of other events, and other hooks of this one, go on beside it', async () => {
  const { folder, told, go } = prepare()
  await orphan(folder, 'another', 'slow')
  await expect.poll(told).toEqual(['begins slow'])
  await hookIn(folder, 'fast', 20_000)
  await orphan(folder, 'again', 'slow')
  await hookIn(folder, 'fast', 20_000)
  expect(told().filter((line) => line === 'ends fast')).toHaveLength(2)
  go()
})
