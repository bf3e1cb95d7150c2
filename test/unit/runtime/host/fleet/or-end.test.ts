import { expect, test } from 'vitest'
import { type NatsConnection, orEnd } from '../../../../../runtime/host/fleet/connection.ts'

test('orEnd() notes what a timer would end the process with, and ends the connection instead', () => {
  let closed = 0
  const connection = { close: async () => void closed++ } as unknown as NatsConnection
  const notes: string[] = []
  const note = (message: string) => notes.push(message)
  orEnd(connection, note, () => {})
  expect(closed).toBe(0)
  const work = () => {
    throw new Error('max_payload size exceeded')
  }
  orEnd(connection, note, work)
  expect(closed).toBe(1)
  expect(notes).toEqual(['fleet: max_payload size exceeded'])
})
