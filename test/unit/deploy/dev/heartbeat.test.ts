import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { TestCase, TestModule } from 'vitest/node'
import Heartbeat from '../../../../deploy/dev/heartbeat.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('names what runs, and for how long, every 25 seconds until the run ends', () => {
  vi.useFakeTimers()
  const lines: string[] = []
  const heartbeat = new Heartbeat(
    undefined,
    (line) => lines.push(line),
    () => Date.now(),
  )
  const module = { moduleId: join(process.cwd(), 'test/lab/a.test.ts') } as TestModule
  const testCase = { module, name: 'boots' } as TestCase
  heartbeat.onTestRunStart()
  vi.advanceTimersByTime(25_000)
  heartbeat.onTestModuleStart(module)
  heartbeat.onTestCaseReady(testCase)
  vi.advanceTimersByTime(25_000)
  heartbeat.onTestCaseResult(testCase)
  heartbeat.onTestModuleEnd(module)
  vi.advanceTimersByTime(25_000)
  heartbeat.onTestRunEnd()
  vi.advanceTimersByTime(100_000)
  expect(lines).toEqual([
    '-- 25 s, 0 tests done; running: nothing yet',
    '-- 50 s, 0 tests done; running: test/lab/a.test.ts > boots (25 s)',
    '-- 75 s, 1 tests done; running: nothing yet',
  ])
})
