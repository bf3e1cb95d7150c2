import type { Config, LvSource, NotifyHook, Source, Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'

/** A source and its target. @throws {TerminalError} The config has changed since the run began. */
export function configured(config: Config, name: string): { source: Source; target: Target } {
  const source = config.sources[name]
  const target = source && config.targets[source.target]
  if (!source || !target) throw new TerminalError(`source ${name} is not in the config any more`)
  return { source, target }
}

/** The target of the archives. @throws {TerminalError} There is none any more. */
export function archivesTarget({ archive, targets }: Pick<Config, 'archive' | 'targets'>): Target {
  const target = archive && targets[archive.target]
  if (!target) throw new TerminalError('there is no `archive:` in the config any more')
  return target
}

/** A source that is a logical volume. @throws {TerminalError} It is not, any more. */
export function volumeSource(config: Config, name: string): LvSource {
  const { source } = configured(config, name)
  if (source.kind === 'lv') return source
  throw new TerminalError(`source ${name} is not a logical volume any more`)
}

/** The hook that an event was meant for. @throws {TerminalError} It is not in the config any more. */
export function configuredHook<K extends NotifyHook['kind']>(
  { notify }: Config,
  kind: K,
  key: string,
): Extract<NotifyHook, { kind: K }> {
  const hook = notify.find((one) => one.key === key && one.kind === kind)
  if (hook) return hook as Extract<NotifyHook, { kind: K }>
  throw new TerminalError(`the ${kind} hook ${key} is not in the config any more`)
}
