import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createChecks } from '../../../../../runtime/backup/status/check-again.ts'
import { noteChecked } from '../../../../../runtime/backup/status/checked.ts'
import { systemClock } from '../../../../../runtime/core/clock.ts'
import type { CommandResult } from '../../../../../runtime/host/command/command.ts'
import { isoOf } from '../../../../../runtime/instant.ts'
import { ManualClock } from '../../../manual-clock.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { makeServer } from '../../cli/night.ts'

const hourMs = 3_600_000

const printing = (stdout: string): CommandResult => ({ exitCode: 3, stdout, stderr: '', durationMs: 1 })

/** Checks whose command is counted, and ends when the test says so. */
function counted() {
  const state = temporaryFolder()
  const config = { state, file: join(state, 'hdsync.yaml') }
  writeFileSync(config.file, '')
  const clock = new ManualClock()
  utimesSync(config.file, 0, (clock.now() - 2 * hourMs) / 1000)
  const commands: PromiseWithResolvers<CommandResult>[] = []
  const run = () => {
    const command = Promise.withResolvers<CommandResult>()
    commands.push(command)
    return command.promise
  }
  const closing = new AbortController()
  const checks = createChecks(config, { clock, signal: closing.signal, runner: { run } })
  return { checks, clock, config, commands, closing }
}

test('a check is made once, and again when an hour is over, the config was written or a run has ended', async () => {
  const { checks, clock, config, commands } = counted()
  const ended = async () => {
    noteChecked(config, [], clock.now())
    commands.at(-1)?.resolve(printing(''))
    await vi.waitFor(() => expect(checks.again(0)).toBe(false))
  }
  expect(checks.again(0)).toBe(true)
  expect(checks.again(0)).toBe(true)
  expect(commands).toHaveLength(1)
  await ended()
  await clock.advance(hourMs - 1)
  expect(checks.again(0)).toBe(false)
  await clock.advance(1)
  expect(checks.again(0)).toBe(true)
  await ended()
  await clock.advance(1000)
  expect(checks.again(clock.now() - 1)).toBe(true)
  await ended()
  await clock.advance(1000)
  utimesSync(config.file, 0, clock.now() / 1000)
  await clock.advance(1000)
  expect(checks.again(0)).toBe(true)
  expect(commands).toHaveLength(4)
})

test('what somebody has checked by hand is recent enough; a clock that went back is not', async () => {
  const { checks, clock, config, commands } = counted()
  noteChecked(config, [], clock.now() - 1000)
  expect(checks.again(0)).toBe(false)
  noteChecked(config, [], clock.now() + hourMs)
  expect(checks.again(0)).toBe(true)
  expect(commands).toHaveLength(1)
})

test('one that fails is told of, and not tried again at once', async () => {
  const { checks, clock, commands } = counted()
  checks.again(0)
  commands[0]?.reject(new Error('no more processes'))
  await vi.waitFor(() => expect(checks.problem).toBe('no more processes'))
  expect(checks.again(0)).toBe(false)
  await clock.advance(hourMs)
  expect(checks.again(0)).toBe(true)
})

test('what a check printed is told where it could not be noted, until a later one is', async () => {
  const { checks, clock, config, commands } = counted()
  const finding = (id: string, severity: 'ok' | 'warning' | 'error') =>
    ({ id, severity, about: 'state', finding: 'no room', remedy: null }) as const
  noteChecked(config, [finding('an.older', 'error')], clock.now() - 2 * hourMs)
  checks.again(0)
  const findings = [finding('state.room', 'error'), finding('kernel', 'ok')]
  commands[0]?.resolve(printing(JSON.stringify({ ok: false, findings })))
  await vi.waitFor(() => expect(checks.again(0)).toBe(false))
  expect(checks.last()).toMatchObject({ at: isoOf(clock.now()), findings: [{ id: 'state.room' }] })
  noteChecked(config, [finding('a.later', 'warning')], clock.now() + 1)
  expect(checks.last()?.findings).toMatchObject([{ id: 'a.later' }])
})

test('none begins once hdsync stops', () => {
  const { checks, commands, closing } = counted()
  closing.abort()
  expect(checks.again(0)).toBe(false)
  expect(commands).toEqual([])
})

test('the command finds what `hdsync check` finds; what it cannot read it says itself', async () => {
  const server = await makeServer('notify: [{ exec: [/bin/true], on: [run.faild] }]\n')
  const config = { file: server.config, state: join(server.folder, 'state') }
  mkdirSync(config.state, { recursive: true })
  const closing = new AbortController()
  onTestFinished(() => closing.abort())
  const made = async () => {
    const checks = createChecks(config, { clock: systemClock, signal: closing.signal })
    expect(checks.again(0)).toBe(true)
    await vi.waitFor(() => expect(checks.again(0)).toBe(false), { timeout: 120_000, interval: 100 })
    return checks
  }
  const checks = await made()
  expect(checks.problem).toBeUndefined()
  const odd = expect.objectContaining({ id: 'config.odd', finding: expect.stringContaining('run.faild') })
  expect(checks.last()?.findings).toContainEqual(odd)
  rmSync(join(config.state, 'checked.json'))
  // Where it cannot be noted.
  mkdirSync(join(config.state, 'checked.json/full'), { recursive: true })
  expect((await made()).last()?.findings).toContainEqual(odd)
  rmSync(server.config)
  expect((await made()).problem).toContain('expected a config file, found none')
})
