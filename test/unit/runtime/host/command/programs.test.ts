import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Command } from '../../../../../runtime/host/command/command.ts'
import { endPrograms, programRunner } from '../../../../../runtime/host/command/programs.ts'
import { openSession } from '../../../../../runtime/host/command/session.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const limits = { killDelayMs: 500, patienceMs: 20_000, blankMs: 10_000 }
const sh = (script: string): Command => ({ argv: ['sh', '-c', script], timeoutMs: 60_000 })

const isRunning = (pid: number) => existsSync(`/proc/${pid}/cwd`)

/** A program that a killed hdsync has left: in a session of its own, with a note of it. */
async function leftProgram(script: string, { mark = '', isPending = false } = {}) {
  const folder = join(temporaryFolder(), 'programs')
  mkdirSync(folder)
  const name = randomUUID()
  const env = { ...process.env, HDSYNC_PROGRAM: mark === '' ? name : mark }
  const child: ChildProcess = spawn('sh', ['-c', script], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = child.pid as number
  writeFileSync(join(folder, name), isPending ? '' : String(pid))
  onTestFinished(() => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  return { child, pid, folder, name, printed: String(line).trim() }
}

async function end({ folder }: { folder: string }, more = {}) {
  const said: string[] = []
  await endPrograms(folder, (message) => said.push(message), { ...limits, ...more })
  return said
}

describe('endPrograms()', () => {
  test('ends a program with all that it has started, names it, and takes its note away', async () => {
    const left = await leftProgram('sleep 1000 & echo $!; wait; echo never')
    const said = await end(left)
    expect(said).toEqual([
      `ends a program that an earlier hdsync has left running: sh -c sleep 1000 & echo $!; wait; echo never (process ${left.pid})`,
    ])
    expect(isRunning(left.pid)).toBe(false)
    expect(isRunning(Number(left.printed))).toBe(false)
    expect(readdirSync(left.folder)).toEqual([])
  })

  test('kills what does not heed SIGTERM, a process group of its own included', async () => {
    const left = await leftProgram(`trap '' TERM; set -m; sh -c 'trap "" TERM; echo $$; sleep 1000' & wait`)
    await end(left)
    expect([left.pid, Number(left.printed)].map(isRunning)).toEqual([false, false])
  })

  test('ends what is left of a program that has ended itself meanwhile', async () => {
    const left = await leftProgram('sleep 1000 & echo $!')
    if (left.child.exitCode === null) await once(left.child, 'exit')
    await end(left)
    expect(isRunning(Number(left.printed))).toBe(false)
  })

  test('looks again at a process that shows no environment, as in the moment of execve(2)', async () => {
    const marked = 'echo up; sleep 0.2; exec env HDSYNC_PROGRAM=$0 sleep 1000'
    const left = await leftProgram(`exec env -i sh -c '${marked}' "$HDSYNC_PROGRAM"`)
    await end(left)
    expect(isRunning(left.pid)).toBe(false)
  })

  test('leaves alone what has a session of its own', async () => {
    const left = await leftProgram(`setsid sh -c 'echo $$; exec sleep 1000' & wait`)
    const free = Number(left.printed)
    onTestFinished(() => void process.kill(free))
    await end(left)
    expect([left.pid, free].map(isRunning)).toEqual([false, true])
  })

  test('leaves alone a session of somebody else that has got the number', async () => {
    const left = await leftProgram('echo up; sleep 1000', { mark: 'another' })
    expect(await end(left)).toEqual([])
    expect(isRunning(left.pid)).toBe(true)
    expect(readdirSync(left.folder)).toEqual([])
  })

  test('ends a program in whose first moment hdsync was killed', async () => {
    const left = await leftProgram('echo up; sleep 1000', { isPending: true })
    await end(left)
    expect(isRunning(left.pid)).toBe(false)
  })

  test('goes on after its limit, and says so', async () => {
    const left = await leftProgram(`trap '' TERM; echo up; while :; do sleep 0.1; done`)
    const said = await end(left, { killDelayMs: 60_000, patienceMs: 100 })
    expect(said.at(-1)).toMatch(/ does not end: going on without it/)
    expect(readdirSync(left.folder)).toEqual([])
  })

  test('has nothing to do without any note', async () => {
    expect(await end({ folder: '/nowhere' })).toEqual([])
  })
})

describe('programRunner()', () => {
  function makeRunner(signal?: AbortSignal) {
    const folder = join(temporaryFolder(), 'run', 'programs')
    const { runner } = recordingRunner(signal)
    return { folder, programs: programRunner(runner, folder) }
  }

  test('keeps a note while a program runs, and marks it', async () => {
    const { folder, programs } = makeRunner()
    const { stdout } = await programs.run(
      sh(`sleep 0.3; echo $HDSYNC_PROGRAM $$ "[$HDSYNC_OWNER]"; ls ${folder}; cat ${folder}/*`),
    )
    const [said, note, pid] = stdout.split('\n')
    expect(said).toBe(`${note} ${pid} []`)
    expect(readdirSync(folder)).toEqual([])
  })

  test('keeps one for a session too', async () => {
    const { folder, programs } = makeRunner()
    const session = openSession(programs, sh('read -r line; echo $$'))
    session.say('go')
    const pid = await session.hear()
    expect(readdirSync(folder).map((note) => readFileSync(join(folder, note), 'utf8'))).toEqual([pid])
    await session.end()
    await programs.ended()
    expect(readdirSync(folder)).toEqual([])
  })

  test('runs a program also where no note can be written', async () => {
    const { runner } = recordingRunner()
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    const { stdout } = await programRunner(runner, join(file, 'programs')).run(sh('echo done'))
    expect(stdout).toBe('done\n')
  })

  test('a program that leaves a child behind with its output open has ended when it has ended', async () => {
    const { folder, programs } = makeRunner()
    const { stdout } = await programs.run(sh('sleep 1000 & echo $!'))
    expect(isRunning(Number(stdout))).toBe(true)
    process.kill(Number(stdout))
    expect(readdirSync(folder)).toEqual([])
  })

  test('tells when all have ended that are being ended', async () => {
    const cancel = new AbortController()
    const { folder, programs } = makeRunner(cancel.signal)
    const sign = join(temporaryFolder(), 'sign')
    const script = `trap 'sleep 0.3; echo end >${sign}; exit' TERM; echo up; while :; do sleep 0.05; done`
    let up = () => {}
    const isUp = new Promise<void>((resolve) => {
      up = resolve
    })
    const failure = programs.run({ ...sh(script), onStdout: up }).catch((error: Error) => error.message)
    await isUp
    cancel.abort(new Error('cut off'))
    await programs.ended()
    expect(existsSync(sign)).toBe(true)
    expect(readdirSync(folder)).toEqual([])
    expect(await failure).toBe('cut off')
  })
})
