import { expect, test } from 'vitest'
import { beginPlace, passOver } from '../../../../../runtime/backup/copies/steps.ts'
import { refusedBy } from '../../../../../runtime/host/copies/vault/ssh-errors.ts'

const vault = { user: 'b', host: 'v.example.org', port: 22, keyFile: '/k', knownHosts: '/h' }
const data = {
  ...beginPlace('offsite', { rest: [], results: [], named: false }),
  ...{ source: 'home', sha256: 'f'.repeat(64), at: '2026-11-29T02:00:00.000Z' },
}

function after(error: unknown) {
  const told: { type: string; data: unknown }[] = []
  passOver(data, error, (event, what) => void told.push({ type: event.type, data: what }))
  return told
}

test('after an archive that is refused the next is offered', () => {
  const problem = 'home of 2026-11-29: the vault b@v.example.org refuses: full'
  for (const isFinal of [true, false])
    expect(after(refusedBy(vault, { error: 'full', isFinal }))).toMatchObject([
      { type: 'copy.offer', data: { problems: [problem], passed: [`home ${data.sha256}`] } },
    ])
})

test('a vault that was waited for in vain is left, with all that waits for it', () => {
  const busy = refusedBy(vault, { error: 'web1 is sending: ask again later', isFinal: false })
  expect(after(busy)).toMatchObject([
    {
      type: 'copy.finish',
      data: { results: [{ copy: 'offsite', state: 'failed', error: expect.stringContaining('is sending') }] },
    },
  ])
})
