import { nanoid } from 'nanoid'
import type { Envelope, StoredRestoreRequest } from '../../../events/index.ts'
import type { RestorePlan } from '../../backup/restore/make-plan.ts'
import {
  beginRestore,
  beginUndo,
  canBeUndone,
  placeRestore,
  unpackRestore,
} from '../../backup/restore/perform.ts'
import { vaultWords } from '../../backup/restore/restore-line.ts'
import type { Config } from '../../config/config.ts'
import { createRunner, unobserved } from '../../host/command/command.ts'
import type { Progress } from '../../progress.ts'
import { shellQuote } from '../../shell-quote.ts'
import { commandSource } from '../command-source.ts'
import { asked, DaemonError } from '../daemon/client.ts'
import { daemonOf, followRun } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import { workInProcess } from '../in-process.ts'
import type { Io } from '../io.ts'
import { viewFor } from '../view/choose.ts'
import type { View } from '../view/lines.ts'
import type { Access } from './access.ts'
import type { VaultOptions } from './from-vault.ts'

/** A restore that was agreed to. */
export interface Agreed {
  source: string
  request: StoredRestoreRequest
  /** Of a restore that is neither taken back nor goes on. */
  plan?: RestorePlan
}

interface Options extends VaultOptions {
  json?: boolean
  quiet?: boolean
  wait?: boolean
  config?: string
  disk?: string
}

/** How a restore went, as `--json` prints it. */
interface Outcome {
  run: string | null
  state: 'succeeded' | 'failed' | 'cancelled'
  source: string
  root: string
  /** What `--undo` takes; null where nothing was kept. */
  id: string | null
  missing: string[]
  error: string | null
}

/** Does a restore: as a run where there is a config, in this process alone where there is none. */
export async function doRestore(wanted: Agreed, access: Access, options: Options, io: Io): Promise<number> {
  const { config } = access
  const { outcome, exitCode } = config
    ? await asRun(wanted, config, options, io)
    : { outcome: await here(wanted, access, options, await barFor(options, io)), exitCode: undefined }
  if (!outcome) return exitCode ?? exitCodes.failed
  io.stdout(options.json ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome, wanted, options))
  return exitCode ?? (outcome.state === 'succeeded' ? exitCodes.succeeded : exitCodes.failed)
}

async function asRun(
  { source, request }: Agreed,
  config: Config,
  options: Options,
  io: Io,
): Promise<{ outcome?: Outcome; exitCode: number }> {
  const view = await viewFor(config, options, io)
  const ended: { data?: Partial<Outcome> & { reason?: string } } = {}
  const listening: View = {
    ...view,
    onEvent(event: Envelope) {
      if (['restore.finished', 'restore.failed'].includes(event.type))
        ended.data = event.data as Partial<Outcome>
      view.onEvent?.(event)
    },
  }
  const outcomeOf = ({
    run,
    state,
    error,
  }: {
    run: string
    state: string
    error?: string | null | undefined
  }): Outcome => ({
    run,
    state: state === 'succeeded' || state === 'cancelled' ? state : 'failed',
    source,
    root: request.root,
    id: ended.data?.id ?? null,
    missing: ended.data?.missing ?? [],
    error: ended.data?.reason ?? error ?? null,
  })
  try {
    const daemon = await daemonOf(config)
    if (daemon) {
      const body = { from: commandSource, source, request, wait: options.wait ?? true }
      const begun = await daemon.post<{ run: string }>('/restore', body).catch((error) => {
        if (!(error instanceof DaemonError) || error.status !== 409) return asked(Promise.reject(error))
        view.note(`run ${error.message} is going on: nothing was started`)
        return undefined
      })
      if (!begun) return { exitCode: exitCodes.busy }
      const { exitCode, result } = await followRun(daemon, begun.run, listening)
      return { outcome: outcomeOf(result), exitCode }
    }
    let outcome: Outcome | undefined
    const exitCode = await workInProcess(
      config,
      listening,
      io,
      async ({ engine, follow }) => {
        const followed = await follow(await engine.restore(source, request))
        outcome = outcomeOf(followed.result)
        return followed.exitCode
      },
      { waitsFor: () => options.wait ?? true },
    )
    return { ...(outcome && { outcome }), exitCode }
  } finally {
    view.end()
  }
}

/** Without a config there is no record of runs, and nobody else who could be at work. */
async function here(
  { source, request, plan }: Agreed,
  access: Access,
  { vault }: Options,
  { onProgress, end }: Bar,
): Promise<Outcome> {
  const runner = createRunner({
    observer: unobserved,
    signal: new AbortController().signal,
    owner: 'restore',
  })
  const id = nanoid(12)
  const begun = plan
    ? beginRestore(plan, id, Date.now())
    : request.do === 'undo'
      ? await beginUndo(request, id, Date.now(), runner)
      : { root: request.root, id: 'id' in request ? request.id : id }
  // What others have is not told to a user whom the daemon tells of their own; from a vault it would be fetched for that.
  const [others, reader] =
    access.isThroughDaemon && plan
      ? [[], access.reader(plan.request.point)]
      : [vault === undefined ? access.points : []]
  const { missing } = await unpackRestore(begun, runner, others, onProgress, reader).finally(end)
  await placeRestore(begun, runner)
  const error = missing.length > 0 ? 'not everything could be read' : null
  return {
    run: null,
    state: error === null ? 'succeeded' : 'failed',
    source,
    root: begun.root,
    id: canBeUndone(begun) ? begun.id : null,
    missing,
    error,
  }
}

interface Bar {
  onProgress(progress: Progress): void
  end(): void
}

/** How far it has come, at a terminal. */
async function barFor({ json, quiet }: Options, io: Io): Promise<Bar> {
  if (json || quiet || io.env.CI || !process.stderr.isTTY) return { onProgress() {}, end() {} }
  const { createLogUpdate } = await import('log-update')
  const { progressOf } = await import('../view/live.ts')
  const draw = createLogUpdate(process.stderr)
  return { onProgress: (progress) => draw(progressOf('unpacking', progress)), end: () => draw.clear() }
}

function outcomeText(
  { state, root, id, missing, error }: Outcome,
  { source, request }: Agreed,
  options: Options,
): string {
  const done = request.do === 'undo' ? 'taken back' : 'restored'
  const undo = id === null ? '' : `to take that back: ${undoLine(id, root, options)}\n`
  if (state === 'succeeded') return `${source} ${done} in ${root}\n${undo}`
  return [
    `${source}: the restore into ${root} ${state}: ${error ?? ''}`,
    ...missing.map((one) => `  ${one}`),
    undo,
  ].join('\n')
}

/** Without a config nobody else knows of the restore: where it was made has to be said. */
function undoLine(id: string, root: string, options: Options): string {
  const { config, disk, vault } = options
  const named = disk === undefined ? vaultWords(options) : ['--disk', disk]
  const where =
    named.length > 0 ? ['--to', root, ...named] : config === undefined || vault ? [] : ['--config', config]
  return ['hdsync restore --undo', id, ...where.map((word) => shellQuote([word]))].join(' ')
}
