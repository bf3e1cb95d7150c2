import { expect, test } from 'vitest'
import { pullRegularly } from '../../../../../../runtime/cli/daemon/vault/pulling.ts'
import { ManualClock } from '../../../../manual-clock.ts'
import { vaultInProcess } from '../../../backup/vault/in-process.ts'

const hourMs = 3_600_000
const pull = (every?: string) => ({
  pull: { ssh: 'root@web1.example.org', keyFile: '/etc/hdsync/pull.key', ...(every && { every }) },
})

/** A daemon whose pulls last until they are told to end. */
function pulled(hosts: Record<string, object>, concurrency = 4) {
  const { vault, tools } = vaultInProcess(hosts)
  vault.concurrency = concurrency
  const clock = new ManualClock()
  const stop = new AbortController()
  const begun: string[] = []
  const warnings: string[] = []
  const ends = new Map<string, PromiseWithResolvers<void>>()
  pullRegularly(
    { ...tools, signal: stop.signal, warn: (text) => void warnings.push(text) },
    clock,
    (host) => {
      begun.push(host)
      const end = Promise.withResolvers<void>()
      ends.set(host, end)
      return end.promise
    },
  )
  return { clock, stop, begun, warnings, end: (host: string) => ends.get(host) }
}

test('the daemon fetches soon after it has started, then as often as the config says, and only where it is to', async () => {
  const { clock, begun, end, stop } = pulled({ web1: pull(), web2: pull('2h'), sends: {} })
  await clock.advance(60_000)
  expect(begun.splice(0)).toEqual(['web1', 'web2'])
  end('web1')?.resolve()
  end('web2')?.resolve()
  await clock.advance(hourMs)
  expect(begun.splice(0)).toEqual(['web1'])
  // One that goes on is not begun a second time.
  await clock.advance(hourMs)
  expect(begun.splice(0)).toEqual(['web2'])
  stop.abort()
  end('web1')?.resolve()
  await clock.advance(10 * hourMs)
  expect(begun).toEqual([])
})

test('no more than `concurrency` hosts are fetched from at a time, and one that fails is told of and tried again', async () => {
  const { clock, begun, end, warnings } = pulled({ web1: pull(), web2: pull(), web3: pull() }, 2)
  await clock.advance(60_000)
  expect(begun.splice(0)).toEqual(['web1', 'web2'])
  end('web2')?.reject(new Error('no folder'))
  await clock.advance(1)
  expect(begun.splice(0)).toEqual(['web3'])
  expect(warnings).toEqual(['nothing was fetched from web2: no folder'])
  end('web1')?.resolve()
  await clock.advance(hourMs)
  expect(begun).toEqual(['web2'])
  end('web2')?.resolve()
  await clock.advance(1)
  expect(begun).toEqual(['web2', 'web1'])
})
