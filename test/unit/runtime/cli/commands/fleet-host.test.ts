import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { firstLine } from '../../../../../runtime/cli/commands/fleet-host.ts'
import { printed } from '../night.ts'

/** What is typed; it stays open, as a terminal does. */
function typing(isTTY: boolean, text: string) {
  const input = Object.assign(new PassThrough(), { isTTY })
  input.write(text)
  return input as unknown as NodeJS.ReadStream
}

test('a terminal is asked for the code, and ends it with Enter; a pipe is not asked', async () => {
  const [terminal, pipe] = [printed(), printed()]
  expect(await firstLine(typing(true, 'eyJ2\n'), terminal)).toBe('eyJ2')
  expect(terminal.err).toContain('the code')
  expect(await firstLine(typing(false, '\neyJ2\n'), pipe)).toBe('eyJ2')
  expect(pipe.err).toBe('')
  const empty = typing(false, '')
  ;(empty as unknown as PassThrough).end()
  expect(await firstLine(empty, pipe)).toBe('')
})
