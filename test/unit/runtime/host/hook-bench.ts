import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Envelope } from '../../../../events/index.ts'
import { parseConfig } from '../../../../runtime/config/config.ts'
import type { NotifyHook } from '../../../../runtime/config/notify.ts'
import { createTellHook } from '../../../../runtime/host/notify/hooks.ts'
import { event } from '../../../contract/publication.ts'
import { temporaryFolder } from '../../temporary-folder.ts'
import { recordingRunner } from './runner.ts'

/** A secret that is good for webhooks. */
export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** A file that its owner alone can read. */
export function secretFile(text: string, mode = 0o600): string {
  const file = join(temporaryFolder(), 'secret')
  writeFileSync(file, `${text}\n`, { mode })
  return file
}

/** A hook as the config has it. */
export function hookOf(settings: string): NotifyHook {
  const yaml = `sources: { usr: { path: /usr, target: disk } }
targets: { disk: { path: /mnt/disk } }
notify: [{ ${settings} }]`
  const [hook] = parseConfig(yaml, 'hooks.yaml').notify
  if (!hook) throw new Error('no hook')
  return hook
}

/** Tells a hook of an event as the host does, with the commands that this took. */
export function teller(signal?: AbortSignal) {
  const { runner, recorded } = recordingRunner(signal)
  return { tell: createTellHook(runner, signal ?? new AbortController().signal), recorded }
}

/** How a run of two sources ended. */
export function runEnded(state: 'succeeded' | 'degraded' | 'held' | 'failed' | 'cancelled'): Envelope {
  const counts = { filesTransferred: 12, bytesTransferred: 1024 ** 2, filesDeleted: 3 }
  const none = { filesTransferred: null, bytesTransferred: null, filesDeleted: null }
  const source = { mountTrials: 1, snapshotUsedPercent: 1.5, archive: null, error: null }
  return event('event-1', {
    source: '/hdsync/web1',
    type: `run.${state}`,
    runid: 'run1',
    data: {
      run: 'run1',
      state,
      startedAt: '2026-01-01T01:30:00.000Z',
      endedAt: '2026-01-01T01:52:10.000Z',
      sources: [
        { source: 'home', state: 'succeeded', ...source, ...counts, archive: '/mnt/Thursday/home.tar.zst' },
        state === 'succeeded'
          ? { source: 'var', state, ...source, ...counts }
          : { source: 'var', state, ...source, ...none, error: 'sync.run: ‘rsync’ ended with exit code 23' },
      ],
    },
  })
}
