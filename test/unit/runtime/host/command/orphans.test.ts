import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { endOrphans } from '../../../../../runtime/host/command/orphans.ts'

const limits = { killDelayMs: 5000, patienceMs: 20_000, silentMs: 0 }
let stores = 0

/** A command that an hdsync has left, whose end is told by `ended`. */
async function orphan(store: string, mark = ''): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const env = { ...process.env, HDSYNC_OWNER: `${store}${mark}` }
  const child = spawn('sh', ['-c', 'echo up; read -r line', 'lvcreate', '--snapshot', 'x'.repeat(200)], {
    env,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  return { child, ended }
}

describe('endOrphans()', () => {
  test('ends a command that may be stopped, and says nothing', async () => {
    const store = `store-${process.pid}-${++stores}`
    const { ended } = await orphan(store)
    const said: string[] = []
    await endOrphans(store, (message) => said.push(message), limits)
    await ended
    expect(said).toEqual([])
  })

  test('waits for one that must not be stopped, and names it once', async () => {
    const store = `store-${process.pid}-${++stores}`
    const { child } = await orphan(store, '.wait')
    const said: string[] = []
    const done = endOrphans(
      store,
      (message) => {
        said.push(message)
        setTimeout(() => child.stdin?.end('\n'), 150)
      },
      limits,
    )
    await done
    expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0)
    expect(said).toHaveLength(1)
    expect(said[0]).toContain(
      `waiting for process ${child.pid} of an earlier hdsync (sh -c echo up; read -r line lvcreate`,
    )
    expect(said[0]?.length).toBeLessThan(200)
  })

  test('goes on after its limit, with a warning', async () => {
    const store = `store-${process.pid}-${++stores}`
    const { child } = await orphan(store, '.wait')
    const said: string[] = []
    await endOrphans(store, (message) => said.push(message), { ...limits, patienceMs: 100 })
    expect(child.exitCode).toBeNull()
    expect(said.at(-1)).toMatch(/has not ended in 0.1 s: going on without it/)
  })

  test('leaves the commands of other stores alone', async () => {
    const { child } = await orphan(`store-${process.pid}-${++stores}`)
    await endOrphans(`store-${process.pid}-${++stores}`, () => {}, limits)
    expect(child.exitCode ?? child.signalCode).toBeNull()
  })
})
