import { onTestFinished } from 'vitest'
import { makeFleetStore } from '../../../../../../deploy/dev/fleet-store.ts'
import { openEngine } from '../../../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import type { AppOptions } from '../../../../../../runtime/http/context.ts'
import { ManualClock } from '../../../../manual-clock.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { type Browser, openBrowser } from '../browser.ts'

export const now = Date.parse('2026-11-30T07:00:00.000Z')

interface HubOptions extends Pick<AppOptions, 'slots'> {
  hosts?: number
  nights?: number
  trusted?: boolean
}

/** The page of a hub that so many hosts have told of so many nights. */
export async function openHub({
  hosts = 60,
  nights = 12,
  trusted = false,
  ...more
}: HubOptions = {}): Promise<Browser> {
  const path = makeFleetStore({ folder: temporaryFolder(), hosts, nights, now })
  const config = await loadConfig({ path, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  onTestFinished(() => engine.stop())
  return openBrowser({ config, engine, trusted, clock: new ManualClock(now), ...more })
}
