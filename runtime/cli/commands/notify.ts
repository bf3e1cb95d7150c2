import { catalogue, type Envelope } from '../../../events/index.ts'
import { matchesEvent } from '../../../events/pattern.ts'
import { sampleEvent } from '../../backup/sample-event.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { hookLabel, type NotifyHook } from '../../config/notify.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import { unobserved } from '../../host/command/command.ts'
import { createHost } from '../../host/host.ts'
import { didYouMean } from '../../nearest.ts'
import { formatDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'

/** As `notify test --json` prints it. */
interface Tested {
  hook: string
  kind: NotifyHook['kind']
  /** The type of the event that was sent. */
  event: string
  ok: boolean
  /** What came back, or what went wrong. */
  answer: string
  durationMs: number
}

/** In this order: the first that a hook wants to hear of is what it is tested with. */
const preferred = ['run.succeeded', 'run.failed', 'run.degraded', 'run.held', 'source.failed', 'sync.held']

/**
 * `hdsync notify test`: sends a sample through each hook, or those of one name or kind, whatever else is going on.
 * The sample says that it is one: its subject is `test`, and so does its data.
 * @returns 0 when every hook was told, 1 when one was not.
 */
export async function notifyTestCommand(
  name: string | undefined,
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const tested = await Promise.all(
    chosen(config, name).map(({ hook, label }) => testHook(hook, label, config)),
  )
  const good = tested.every(({ ok }) => ok)
  if (options.json) io.stdout(`${JSON.stringify({ ok: good, hooks: tested })}\n`)
  else io.stdout(resultTable(tested, io))
  return good ? exitCodes.succeeded : exitCodes.failed
}

/** @throws {UsageError} There is no such hook, or none at all. */
function chosen({ notify, file }: Config, name: string | undefined) {
  const all = notify.map((hook, index) => ({ hook, label: hookLabel(hook, index) }))
  if (all.length === 0) {
    throw new UsageError(`there is no hook in ${file}`, {
      hint: 'add one under `notify:`, such as { exec: [/usr/local/bin/page-me], on: [run.failed] }',
    })
  }
  if (name === undefined) return all
  const byName = all.filter(({ label }) => label === name)
  const found = byName.length > 0 ? byName : all.filter(({ hook: { kind } }) => kind === name)
  if (found.length > 0) return found
  const known = [...new Set(all.flatMap(({ label, hook }) => [label, hook.kind]))]
  throw new UsageError(`there is no hook ${JSON.stringify(name)} in ${file}`, {
    hint: didYouMean(name, known) ?? `it has ${all.map(({ label }) => label).join(', ')}`,
  })
}

async function testHook(hook: NotifyHook, label: string, config: Config): Promise<Tested> {
  const event = sampleFor(hook, config)
  const host = createHost({
    observer: unobserved,
    signal: new AbortController().signal,
    store: '',
    runtimeDirectory: '',
    stateDirectory: config.state,
  })
  const startedAt = performance.now()
  const outcome = await host.hook(hook, event).then(
    (answer) => ({ ok: true, answer }),
    (error: unknown) => ({ ok: false, answer: reasonOf(error) }),
  )
  const durationMs = Math.round(performance.now() - startedAt)
  return { hook: label, kind: hook.kind, event: event.type, ...outcome, durationMs }
}

function sampleFor({ on }: NotifyHook, config: Config): Envelope {
  const facts = [...catalogue.values()].filter(({ external }) => external).map(({ type }) => type)
  const wanted = [...preferred, ...facts].find((type) => on.some((pattern) => matchesEvent(pattern, type)))
  return sampleEvent(wanted ?? 'run.succeeded', Object.keys(config.sources), Date.now())
}

function resultTable(tested: readonly Tested[], { colour, width }: Io): string {
  const paint = painter(colour)
  const rows = tested.map(({ hook, kind, event, ok, answer, durationMs }) => [
    paint.bold(hook),
    kind,
    event,
    paint.state(ok ? 'ok' : 'failed'),
    formatDuration(durationMs),
    answer.split('\n').map(printable).join('\n'),
  ])
  return table([['HOOK', 'KIND', 'EVENT', 'STATE', 'TOOK', 'ANSWER'], ...rows], width)
}
