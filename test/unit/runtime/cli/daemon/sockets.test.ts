import { expect, test } from 'vitest'
import { activatedSockets } from '../../../../../runtime/cli/daemon/sockets.ts'

test.for<[string, NodeJS.ProcessEnv, number[]]>([
  ['two sockets', { LISTEN_PID: '7', LISTEN_FDS: '2' }, [3, 4]],
  ['sockets of another process', { LISTEN_PID: '8', LISTEN_FDS: '2' }, []],
  ['none', {}, []],
  ['nonsense', { LISTEN_PID: '7', LISTEN_FDS: 'two' }, []],
])('sockets handed over: %s', ([_, env, sockets]) => {
  expect(activatedSockets(env, 7)).toEqual(sockets)
})
