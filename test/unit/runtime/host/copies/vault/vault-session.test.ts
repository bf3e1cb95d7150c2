import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Reach } from '../../../../../../runtime/host/copies/vault/ssh.ts'
import { askInSession, endSessions } from '../../../../../../runtime/host/copies/vault/vault-session.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

afterEach(() => void vi.unstubAllEnvs())

/** A vault whose ssh(1) is a script. It may note its starts in `$0.starts`. */
function vaultOf(script: string) {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\necho start >> ${folder}/starts\n${script}\n`, {
    mode: 0o700,
  })
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
  const socket = join(folder, 'run-1')
  const vault: Reach = { user: 'b', host: 'v', port: 22, keyFile: '/k', knownHosts: '/h', socket }
  const signal = new AbortController()
  return {
    ask: (timeoutMs = 60_000) =>
      askInSession({ v: 1, do: 'status' }, vault, { owner: 'test', timeoutMs, signal: signal.signal }),
    starts: () => readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n').length,
    end: () => endSessions(folder),
    abort: () => signal.abort(new Error('cancelled')),
  }
}

test('all that is asked is asked of one process, as version 2', async () => {
  const { ask, starts, end } = vaultOf('while read -r line; do echo "$line"; done')
  for (let n = 0; n < 3; n += 1) expect(await ask()).toEqual({ line: JSON.stringify({ v: 2, do: 'status' }) })
  expect(starts()).toBe(1)
  end()
  expect(await ask()).toHaveProperty('line')
  expect(starts()).toBe(2)
  end()
})

test('a session that has ended meanwhile is opened anew, and only one that is new tells why', async () => {
  const { ask, starts, end } = vaultOf('read -r line; echo "$line"; exit 0')
  for (let n = 1; n < 4; n += 1) {
    expect(await ask()).toHaveProperty('line')
    expect(starts()).toBe(n)
  }
  end()
  const broken = vaultOf('echo "hdsync: it does not know web1" >&2; exit 1')
  expect(await broken.ask()).toMatchObject({
    ended: { exitCode: 1, timedOut: false, stderr: 'hdsync: it does not know web1\n' },
  })
  expect(broken.starts()).toBe(1)
})

test.each([
  [
    'a vault of version 1',
    `echo '{"v":1,"ok":false,"error":"the request is of version 2 of the protocol, this hdsync speaks 1","isFinal":true}'; exit 1`,
  ],
  ['one that reads no lines', 'exec < /dev/null; exit 0'],
])('%s is asked without sessions from then on', async (_, script) => {
  const { ask, starts, end } = vaultOf(script)
  expect(await ask()).toBeUndefined()
  expect(await ask()).toBeUndefined()
  expect(starts()).toBe(1)
  end()
})

test('an answer that was not asked for is never taken for that of the next request', async () => {
  const { ask, starts, end } = vaultOf('while read -r line; do printf "%s\\n%s\\n" first second; done')
  for (let n = 1; n < 4; n += 1) {
    expect(await ask()).toEqual({ line: 'first' })
    expect(starts()).toBe(n)
  }
  end()
})

test('one that never answers is ended, by its time, by a cancel, and by an answer without end', async () => {
  const silent = vaultOf('read -r line; exec sleep 1000')
  expect(await silent.ask(50)).toMatchObject({ ended: { timedOut: true } })
  const cancelled = vaultOf('read -r line; exec sleep 1000')
  const asked = cancelled.ask()
  cancelled.abort()
  await expect(asked).rejects.toThrow('cancelled')
  const endless = vaultOf('read -r line; exec cat /dev/zero')
  await expect(endless.ask()).rejects.toThrow(/longer than 16777216 bytes/)
})
