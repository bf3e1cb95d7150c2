import { describe, expect, test } from 'vitest'
import { WebReceiver } from '../../../receivers/web.ts'
import { hookOf, runEnded, secretFile, teller } from '../hook-bench.ts'

/** What a topic hears. */
async function published(state: Parameters<typeof runEnded>[0], settings = '') {
  const receiver = await WebReceiver.start()
  const hook = hookOf(`ntfy: { url: ${receiver.url}, topic: backups, allowPrivate: true ${settings} }`)
  await teller().tell(hook, runEnded(state))
  const [heard] = receiver.heard
  return { heard, message: JSON.parse(heard?.body ?? '') }
}

describe('a topic of ntfy', () => {
  test('hears what happened, as loud as it is bad', async () => {
    const { heard, message } = await published('failed')
    expect(heard).toMatchObject({ method: 'POST', path: '/' })
    expect(heard?.headers).toMatchObject({ 'idempotency-key': 'event-1' })
    expect(heard?.headers.authorization).toBeUndefined()
    expect(message).toMatchObject({
      topic: 'backups',
      title: 'hdsync on web1: run failed: var',
      priority: 4,
      tags: ['rotating_light'],
    })
    expect(message.message).toContain('‘rsync’ ended with exit code 23')
    expect((await published('succeeded')).message).toMatchObject({ priority: 2, tags: ['white_check_mark'] })
    expect((await published('held')).message).toMatchObject({ priority: 3, tags: ['warning'] })
  })

  test('hears it as the config says', async () => {
    const { message } = await published(
      'failed',
      ", title: 'Sauvegarde – serveur', priority: max, tags: [web1]",
    )
    expect(message).toMatchObject({
      title: 'Sauvegarde – serveur',
      priority: 5,
      tags: ['rotating_light', 'web1'],
    })
    expect(message.message).toMatch(/^hdsync on web1: run failed: var\n/)
  })

  test('that is protected gets its token, which stands in a file', async () => {
    const { heard } = await published('failed', `, tokenFile: ${secretFile('tk_abc')}`)
    expect(heard?.headers.authorization).toBe('Bearer tk_abc')
  })
})
