import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Config, Target } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { isForCopiesAlone, storedOn } from '../../config/lookup.ts'
import { openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { storeId } from '../../core/bus/sqlite/identity.ts'
import { count, counted } from '../../count.ts'
import { TerminalError, UsageError } from '../../errors.ts'
import { forgetCatalogue } from '../../host/archive/catalogue/forget-catalogue.ts'
import { standingArchives } from '../../host/archive/kept.ts'
import type { Host } from '../../host/host.ts'
import { removeMirror, sizeOfFolder } from '../../host/mirror/remove-mirror.ts'
import { forgetAccounts } from '../../host/owners/recorded-accounts.ts'
import { forgetLedger } from '../../host/proof/ledger.ts'
import { giveUpClaims } from '../../host/target/claims.ts'
import { type Remains, remainsOn } from '../../host/target/remains.ts'
import { formatBytes } from '../../units.ts'
import { weekdays } from '../../weekday.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { onTargets } from '../keep/on-target.ts'

interface ForgetOptions {
  config?: string
  json?: boolean
  dryRun?: boolean
  yes?: boolean
}

/** What a target holds of the source. */
interface Found extends Remains {
  target: Target
  mirrorSize?: { files: number; bytes: number }
  archiveBytes: number
}

/**
 * `hdsync forget`: removes the mirror, the archives and the catalogue of a source from the targets that it is not backed up to any
 * more; with `--dry-run` says what they are. Nothing goes that was not shown; it asks in a terminal, and takes `--yes` elsewhere.
 * @throws {UsageError} The source is still in the config, or nobody has agreed.
 * @throws {TerminalError} Something has changed since it was shown.
 */
export async function forgetCommand(source: string, options: ForgetOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const targets = targetsLookedAt(config)
  const shown = await onTargets(config, targets, io, () => lookFor(source, config))
  const isOver = shown.length === 0 || options.dryRun === true
  if (isOver || !options.yes || !options.json) tell(source, shown, false, options, io)
  if (isOver) return exitCodes.succeeded
  if (!options.yes && !(await agreed(options, io)))
    throw new UsageError('nothing was removed', { hint: `to remove it all: hdsync forget ${source} --yes` })
  await onTargets(config, targets, io, async (host) => {
    const found = await lookFor(source, config)
    if (JSON.stringify(asJson(source, found, false)) !== JSON.stringify(asJson(source, shown, false)))
      throw new TerminalError('something has changed since it was shown: nothing was removed')
    for (const one of found) await remove(one, config, host)
  })
  if (options.json) tell(source, shown, true, options, io)
  else io.stdout(`${source} is forgotten: what is listed above is removed\n`)
  return exitCodes.succeeded
}

function tell(
  source: string,
  found: readonly Found[],
  removed: boolean,
  { json }: ForgetOptions,
  io: Io,
): void {
  io.stdout(json ? `${JSON.stringify(asJson(source, found, removed))}\n` : foundText(source, found))
}

async function agreed({ json }: ForgetOptions, io: Io): Promise<boolean> {
  if (json || io.env.CI || !process.stdin.isTTY || !process.stdout.isTTY) return false
  const { confirm } = await import('@clack/prompts')
  return (await confirm({ message: 'Remove it all?', initialValue: false })) === true
}

/** @throws {UsageError} The source still writes there. */
async function lookFor(source: string, config: Config): Promise<Found[]> {
  const database = openDatabaseForReading(config.state)
  const store = database ? storeId(database) : ''
  database?.close()
  const found: Found[] = []
  for (const target of targetsLookedAt(config)) {
    const remains = remainsOn(target, store).find((one) => one.source === source)
    if (!remains || isWanted(source, target, config)) continue
    const archives = await standingArchives(target, source)
    const files = new Map(archives.map(({ file, diskBytes }) => [file, diskBytes]))
    found.push({
      ...remains,
      target,
      ...(remains.mirror !== undefined && { mirrorSize: sizeOfFolder(remains.mirror) }),
      archiveBytes: [...files.values()].reduce((sum, bytes) => sum + bytes, 0),
    })
  }
  const wanted = Object.values(config.targets).find((target) => isWanted(source, target, config))
  if (found.length > 0 || !wanted) return found
  throw new UsageError(`${source} is in the config, and is backed up to target ${wanted.name}`, {
    hint: `take it out of ${config.file} first`,
  })
}

/** Copies in other places stay: they are for the day on which all else is gone. */
function targetsLookedAt(config: Config): Target[] {
  return Object.values(config.targets).filter((target) => !isForCopiesAlone(target, config))
}

function isWanted(source: string, target: Target, config: Config): boolean {
  return storedOn(target, config).some(({ name }) => name === source)
}

async function remove({ target, source, mirror }: Found, config: Config, host: Host): Promise<void> {
  await host.archives.remove(target, await standingArchives(target, source))
  forgetLedger(target.path, source)
  forgetAccounts(target.path, source)
  if (mirror !== undefined) await removeMirror(target.path, source)
  giveUpClaims(target, source)
  forgetCatalogue({ target, source }, config.state)
  if (Object.hasOwn(config.sources, source)) return
  for (const weekday of weekdays)
    rmSync(join(config.state, 'archives', `${source}.${weekday}.index`), { force: true })
}

function foundText(source: string, found: readonly Found[]): string {
  if (found.length === 0) return `no target holds anything of ${source}\n`
  return found
    .flatMap(({ target, mirror, mirrorSize, archives, archiveBytes }) => [
      `target ${target.name}\n`,
      ...(mirror !== undefined && mirrorSize
        ? [
            `  mirror    ${mirror}: ${count(mirrorSize.files)} ${mirrorSize.files === 1 ? 'entry' : 'entries'}, ${formatBytes(mirrorSize.bytes)}\n`,
          ]
        : []),
      ...archives.map((path) => `  archive   ${path}\n`),
      ...(archives.length > 0
        ? [`  in all    ${counted(archives.length, 'archive')}, ${formatBytes(archiveBytes)}\n`]
        : []),
    ])
    .join('')
}

function asJson(source: string, found: readonly Found[], removed: boolean) {
  return {
    source,
    removed,
    targets: found.map(({ target, mirror, mirrorSize, archives, archiveBytes }) => ({
      target: target.name,
      mirror: mirror ?? null,
      mirrorFiles: mirrorSize?.files ?? 0,
      mirrorBytes: mirrorSize?.bytes ?? 0,
      archives,
      archiveBytes,
    })),
  }
}
