import * as z from 'zod'
import { copyFailed, copyFinished, copyOverdue } from '../copy.ts'
import { defineEvent, type EventDefinition, type KeepNewest } from '../define.ts'
import { drillFailed, drillFinished, drillOverdue } from '../drill.ts'
import {
  archiveDamaged,
  runCancelled,
  runDegraded,
  runFailed,
  runHeld,
  runOverdue,
  runSucceeded,
  syncDismissed,
  unitFailed,
} from '../facts.ts'
import { verifyFailed, verifyFinished } from '../proof.ts'
import { commandRefused, commandTaken } from './command.ts'

// What a hub hears from its hosts: each event that a host tells (`fleet: true` in its definition), with the host that told it.

/** As long as it is known what a hub has set in the config of a host it is known how the host has answered. */
const answersToSettings = {
  ...{ alone: true, count: 20, per: ['host'] },
  where: { key: 'data.type', in: ['config.set'] },
}

/** @param event The event of the host; it becomes the `data` of the hub's. */
function heard<Type extends string, Schema extends z.ZodType>(
  event: EventDefinition<Type, Schema>,
  kept?: KeepNewest,
) {
  const schema = z.lazy(() =>
    z.strictObject({
      host: z.string(),
      /** When it happened, by the clock of the host. */
      at: z.iso.datetime({ offset: true }),
      /** The run of the host that it belongs to. */
      run: z.string().nullable(),
      labels: z.array(z.string()),
      data: event.schema,
    }),
  )
  const type: `fleet.${Type}` = `fleet.${event.type}`
  return defineEvent(type, schema, { external: true, subject: 'host', ...(kept && { kept }) })
}

export const fleetRunSucceeded = heard(runSucceeded)
export const fleetRunDegraded = heard(runDegraded)
export const fleetRunHeld = heard(runHeld)
export const fleetRunFailed = heard(runFailed)
export const fleetRunCancelled = heard(runCancelled)
export const fleetRunOverdue = heard(runOverdue)
export const fleetSyncDismissed = heard(syncDismissed)
export const fleetUnitFailed = heard(unitFailed)
export const fleetArchiveDamaged = heard(archiveDamaged)
export const fleetCopyFinished = heard(copyFinished)
export const fleetCopyFailed = heard(copyFailed)
export const fleetCopyOverdue = heard(copyOverdue)
export const fleetDrillFinished = heard(drillFinished)
export const fleetDrillFailed = heard(drillFailed)
export const fleetDrillOverdue = heard(drillOverdue)
export const fleetVerifyFinished = heard(verifyFinished)
export const fleetVerifyFailed = heard(verifyFailed)
export const fleetCommandTaken = heard(commandTaken, answersToSettings)
export const fleetCommandRefused = heard(commandRefused, answersToSettings)

/** The certificate of a NATS server is about to end, or has ended. Told by the hub beside it, once a week. */
export const fleetCertificateEnding = defineEvent(
  'fleet.certificate.ending',
  z.strictObject({ endsAt: z.iso.datetime() }),
  { external: true },
)

/** A hub that stood by, or acted before this one, has said nothing for minutes. Told once, until it says something again. */
export const fleetHubGone = defineEvent(
  'fleet.hub.gone',
  z.strictObject({ hub: z.string(), heardAt: z.iso.datetime() }),
  { external: true, subject: 'hub' },
)

/** A host has said nothing for longer than it said it would. Told once, until it says something again. */
export const fleetSilent = defineEvent(
  'fleet.silent',
  z.strictObject({ host: z.string(), heardAt: z.iso.datetime(), silentAfterMs: z.int().min(0) }),
  { external: true, subject: 'host' },
)
