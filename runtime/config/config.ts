import * as z from 'zod'
import { checkParts, type Parts } from './checks.ts'
import { complete } from './complete.ts'
import { describeAt, validate } from './findings.ts'
import { httpSchema } from './http.ts'
import { type NotifyHook, notifySchema } from './notify.ts'
import { ConfigError, formatPlace, type Problem } from './problem.ts'
import { archiveSchema, configSchema, sourceSchema, targetSchema } from './schema.ts'
import { warningsOf } from './warnings.ts'
import { readYaml } from './yaml.ts'

type Settings = z.output<typeof configSchema>

/** What is backed up: a logical volume (`kind: 'lv'`) or a directory (`kind: 'path'`). */
export type Source = z.output<typeof sourceSchema> & { name: string; archive: boolean }
export type LvSource = Extract<Source, { kind: 'lv' }>
export type PathSource = Extract<Source, { kind: 'path' }>
/** Where mirrors and archives live, and what must be mounted there: parents first. */
export type Target = z.output<typeof targetSchema> & { name: string }
export type Mount = Target['mounts'][number]
export type { NotifyHook }

/** A config that has been checked: names resolve, nothing overlaps, defaults are filled in. */
export interface Config extends Omit<Settings, 'sources' | 'targets'> {
  file: string
  /** Of the text, to tell whether somebody else has read the same one. */
  digest: string
  /** By name, in the order of the file. */
  sources: Record<string, Source>
  targets: Record<string, Target>
  /** What is odd, or has no effect, but keeps no backup from being made. */
  warnings: string[]
}

/**
 * Reads a config.
 * @param file Its name, for messages alone.
 * @throws {ConfigError} With everything that is wrong with the text, in the order of the file.
 */
export function parseConfig(text: string, file: string): Config {
  const yaml = readYaml(text, file)
  const { data, findings } = validate(configSchema, yaml.value)
  const problems = [...findings, ...checkParts(partsOf(yaml.value))].map(
    ({ path, at, ...finding }): Problem => ({
      ...yaml.locate(path, at),
      found: describeAt(yaml.value, path),
      ...finding,
    }),
  )
  problems.push(...yaml.duplicates)
  if (!data || problems.length > 0) throw new ConfigError(problems.sort(byPlace))
  const settings = {
    ...data,
    file,
    sources: named(data.sources, (source) => ({
      ...source,
      archive: source.archive ?? Boolean(data.archive),
    })),
    targets: named(data.targets, (target) => target),
    warnings: warningsOf(data.notify).map(
      ({ path, message }) => `${formatPlace(yaml.locate(path, 'key'))}: ${message}`,
    ),
  }
  return complete(settings, text)
}

function byPlace(one: Problem, other: Problem): number {
  return (one.line ?? 0) - (other.line ?? 0) || (one.column ?? 0) - (other.column ?? 0)
}

function named<T, U>(parts: Record<string, T>, rest: (part: T) => U): Record<string, U & { name: string }> {
  const entries = Object.entries(parts).map(([name, part]) => [name, { name, ...rest(part) }] as const)
  return Object.fromEntries(entries)
}

/** Each part is read by itself, so that a mistake in one does not hide that two others clash. */
function partsOf(value: unknown): Parts {
  const { sources, targets, archive, http, notify, keep, alert } = looseMap.parse(value)
  return {
    sources: wellFormed(sources, sourceSchema),
    targets: wellFormed(targets, targetSchema),
    archive: archiveSchema.safeParse(archive).data,
    hasArchive: archive !== undefined,
    http: httpSchema.safeParse(http).data,
    sourceNames: Object.keys(looseMap.parse(sources)),
    hooks: wellFormed(Array.isArray(notify) ? { ...notify } : {}, notifySchema).map(([index, hook]) => [
      Number(index),
      hook,
    ]),
    keepMs: configSchema.shape.keep.safeParse(keep).data,
    alertAfterMs: configSchema.shape.alert.safeParse(alert).data?.after,
    targetNames: Object.keys(looseMap.parse(targets)),
  }
}

const looseMap = z.record(z.string(), z.unknown()).catch({})

function wellFormed<T>(map: unknown, schema: z.ZodType<T>): [string, T][] {
  return Object.entries(looseMap.parse(map)).flatMap(([name, value]): [string, T][] => {
    const { success, data } = schema.safeParse(value)
    return success ? [[name, data]] : []
  })
}
