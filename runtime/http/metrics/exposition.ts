import { Gauge, Registry } from 'prom-client'
import type { AppContext } from '../context.ts'
import { metrics, type Sample } from './catalogue.ts'
import { copySamples } from './copies.ts'
import { drillSamples } from './drills.ts'
import { fleetSamples, slotSamples } from './fleet.ts'
import { functionSamples } from './functions.ts'
import { sourceSamples } from './sources.ts'
import { vaultSamples } from './vault.ts'
import { verifySamples } from './verify.ts'

/** All metrics in the OpenMetrics text format, read from the store at this moment. */
export async function exposition({ engine, config, version, clock, slots }: AppContext): Promise<string> {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const gauges = new Map(
    Object.entries(metrics).map(([name, { help, labels }]) => [
      name,
      new Gauge({ name, help, labelNames: labels, registers: [registry] }),
    ]),
  )
  const samples: Sample[] = [
    { name: 'hdsync_build_info', labels: { version }, value: 1 },
    ...sourceSamples(engine, Object.keys(config.sources)),
    ...verifySamples(engine),
    ...drillSamples(engine, Object.keys(config.sources), config.drill !== undefined),
    ...copySamples(engine, Object.keys(config.copies ?? {})),
    ...vaultSamples(config.vault),
    ...fleetSamples(engine, config.fleet, clock.now()),
    ...slotSamples(slots?.()),
    ...functionSamples(engine, clock.now()),
  ]
  for (const { name, labels, value } of samples) gauges.get(name)?.set(labels, value)
  return registry.metrics()
}
