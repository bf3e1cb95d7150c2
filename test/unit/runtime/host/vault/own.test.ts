import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Folder } from '../../../../../runtime/host/target/safe-open.ts'
import { isOwnFile, proveUnwritten } from '../../../../../runtime/host/vault/own.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const uid = process.getuid?.() ?? 0

function makeFile() {
  const folder = temporaryFolder()
  const path = join(folder, 'sent')
  writeFileSync(path, 'bytes')
  return { folder, path }
}

describe('proveUnwritten()', () => {
  const proven = ({ folder, path }: { folder: string; path: string }) => {
    using held = Folder.existing(folder)
    return proveUnwritten({ folder: held, name: 'sent', path }, recordingRunner().runner)
  }

  test('leaves a file alone that nobody writes to, whoever reads it', async () => {
    const made = makeFile()
    const { ino } = statSync(made.path)
    await using _reader = await open(made.path, 'r')
    await proven(made)
    expect(statSync(made.path).ino).toBe(ino)
    expect(readFileSync(made.path, 'utf8')).toBe('bytes')
  })

  test.each([
    ['open', 'exec 3<>"$0"; rm "$0.lock"; echo up; sleep 1000'],
    [
      'open in a process that goes on by a child of its own',
      'exec 3<>"$0"; rm "$0.lock"; echo up; (sleep 1000)',
    ],
  ])('refuses one that is %s for writing, and takes it once that has ended', async (_how, script) => {
    const made = makeFile()
    writeFileSync(`${made.path}.lock`, '')
    const writer = spawn('sh', ['-c', script, made.path], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const end = () => process.kill(-(writer.pid as number), 'SIGKILL')
    onTestFinished(() => void (writer.exitCode === null && writer.signalCode === null && end()))
    await once(writer.stdout, 'data')
    await expect(proven(made)).rejects.toThrow('ask again later')
    end()
    await once(writer, 'exit')
    await expect.poll(() => proven(made).then(() => 'taken', String)).toBe('taken')
  })
})

describe('isOwnFile()', () => {
  const look = async (path: string, own: number) => {
    await using file = await open(path, 'r')
    return isOwnFile(file, { uid: own, gid: own }, own)
  }

  test('is true of a file of the user’s', async () => {
    expect(await look(makeFile().path, uid)).toBe(true)
  })

  test('is false of one with a second name, of a folder, and of somebody else’s', async () => {
    const { folder, path } = makeFile()
    expect(await look(path, uid + 1)).toBe(false)
    expect(await look(folder, uid)).toBe(false)
    linkSync(path, `${path}2`)
    expect(await look(path, uid)).toBe(false)
  })
})
