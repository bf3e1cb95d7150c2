import { parseConfig } from '../../../../../runtime/config/config.ts'
import type { PushedSet } from '../../../../../runtime/config/pushed/merge.ts'

/** The config of a host that its hub can set something in. */
export const ownText = `sources:
  home: { path: /home, target: disk, maxDelete: 50% }
  var: { path: /srv, target: disk, maxDelete: 1000 }
targets: { disk: { path: /mnt/disk }, other: { path: /mnt/other } }
archive: { target: other, daily: 10, keep: { weekly: 5, monthly: 12, yearly: 3, atLeast: 3 } }
alert: { after: 36h }
keep: 90d
verify: { every: 1d }
drill: { every: 1w, scratch: /var/tmp }
`

export const own = parseConfig(ownText, 'hdsync.yaml')

export const setOf = (keys: Record<string, string>): PushedSet =>
  Object.entries(keys).map(([key, value]) => ({ key, value }))
