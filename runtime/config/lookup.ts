import { UsageError } from '../errors.ts'
import { didYouMean } from '../nearest.ts'
import type { Config, Source, Target } from './config.ts'
import { isWithin } from './left-out.ts'

/** @throws {UsageError} A source is not in the config. */
export function checkSources(sources: readonly string[], config: Config): void {
  for (const name of sources) {
    const error = unknownSource(name, config)
    if (error) throw error
  }
}

/** What to say of a source that is not in the config; undefined if it is. */
export function unknownSource(name: string, config: Config): UsageError | undefined {
  const known = Object.keys(config.sources)
  if (known.includes(name)) return undefined
  return new UsageError(`there is no source ${JSON.stringify(name)} in ${config.file}`, {
    hint: sourceMeant(name, config) ?? didYouMean(name, known) ?? `it has ${known.join(', ')}`,
  })
}

/** A source goes by its name: somebody may have written its folder, its volume, or the target that it goes to. */
function sourceMeant(word: string, { sources, targets }: Config): string | undefined {
  const path = word.replace(/(?<=.)\/+$/, '')
  const all = Object.values(sources)
  const meant = all.find((one) =>
    one.kind === 'path'
      ? isWithin(path, one.path)
      : [`${one.vg}/${one.lv}`, `/dev/${one.vg}/${one.lv}`, one.lv].includes(path),
  )
  if (meant) {
    const what = meant.kind === 'path' ? meant.path : `${meant.vg}/${meant.lv}`
    return `${what} is source ${meant.name}: name it so`
  }
  if (!Object.hasOwn(targets, word)) return undefined
  const sent = all.filter(({ target }) => target === word).map(({ name }) => name)
  const hint = `${word} is a target`
  return sent.length > 0 ? `${hint}; these sources go to it: ${sent.join(', ')}` : hint
}

/** The sources whose mirrors, archives or copies of them go to a target. */
export function storedOn(
  { name }: Pick<Target, 'name'>,
  { sources, archive, copies }: Pick<Config, 'sources' | 'archive' | 'copies'>,
): Source[] {
  const copied = Object.values(copies ?? {}).filter(({ target }) => target === name)
  return Object.values(sources).filter(
    (source) =>
      source.target === name ||
      (source.archive && archive?.target === name) ||
      (source.archive && copied.some((copy) => copy.sources?.includes(source.name) ?? true)),
  )
}

/** Whether a target has nothing but copies of archives: its disk may lie in a drawer. */
export function isForCopiesAlone(
  { name }: Pick<Target, 'name'>,
  { sources, archive, copies }: Pick<Config, 'sources' | 'archive' | 'copies'>,
): boolean {
  if (!Object.values(copies ?? {}).some(({ target }) => target === name)) return false
  return archive?.target !== name && Object.values(sources).every(({ target }) => target !== name)
}
