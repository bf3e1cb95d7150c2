import { createHash } from 'node:crypto'
import type * as z from 'zod'
import { allowancesIn, withoutAllowances } from './allowance.ts'
import { checkParts } from './checks.ts'
import { describeAt, validate } from './findings.ts'
import type { NotifyHook } from './notify.ts'
import { partsOf } from './parts.ts'
import { ConfigError, formatPlace, type Problem } from './problem.ts'
import { configSchema, type sourceSchema, type targetSchema, vaultConfigSchema } from './schema.ts'
import { warningsOf } from './warnings.ts'
import { readYaml } from './yaml.ts'

type Settings = z.output<typeof configSchema>

/** What is backed up: a logical volume (`kind: 'lv'`) or a directory (`kind: 'path'`). */
export type Source = z.output<typeof sourceSchema> & { name: string; archive: boolean }
export type LvSource = Extract<Source, { kind: 'lv' }>
export type PathSource = Extract<Source, { kind: 'path' }>
/** Where mirrors and archives live, and what must be mounted there: parents first. */
export type Target = z.output<typeof targetSchema> & {
  name: string
  /** Its path as it was written, and which host's name it has got, where it asks for one. */
  named?: { pattern: string; host: string }
}
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
  /** What the hub of the fleet has set; the other keys are what is in force with it. */
  pushed?: PushedConfig
}

/** What of a config a hub can set. */
export type OwnSettings = Pick<Config, 'sources' | 'archive' | 'keep' | 'alert' | 'verify' | 'drill'>

/** What the hub of the fleet has set. */
export interface PushedConfig {
  number: number
  /** When it came, by the clock of this host. */
  at: string
  /** Whether the config of the host lets it. */
  isObeyed: boolean
  values: PushedValue[]
  /** As the file of the host says it. */
  own: OwnSettings
}

/** One key that the hub has set. */
export interface PushedValue {
  key: string
  pushed: string
  /** What the config of the host says; null where it has no such thing. */
  own: string | null
  isInForce: boolean
  /** Why it is not. */
  reason: string | null
}

/**
 * Reads a config.
 * @param file Its name, for messages alone.
 * @throws {ConfigError} With everything that is wrong with the text, in the order of the file.
 */
export function parseConfig(text: string, file: string): Config {
  const yaml = readYaml(text, file)
  const { data, findings } = validate(schemaOf(yaml.value), yaml.value)
  const problems = [...findings, ...checkParts(partsOf(yaml.value))]
    .map(
      ({ path, at, ...finding }): Problem => ({
        ...yaml.locate(path, at),
        found: describeAt(yaml.value, path),
        ...finding,
      }),
    )
    // Of a value that could not be read nothing else is to be said.
    .filter(({ key, found }) => found !== 'nothing' || yaml.mistakes.every((mistake) => mistake.key !== key))
  problems.push(...yaml.mistakes)
  if (!data || problems.length > 0) throw new ConfigError(problems.sort(byPlace))
  return {
    ...data,
    ...(data.http && { http: withoutAllowances(data.http) }),
    file,
    digest: createHash('sha256').update(text).digest('hex'),
    sources: named(data.sources, (source) => ({
      ...source,
      archive: source.archive ?? Boolean(data.archive),
    })),
    targets: named(data.targets, (target) => target),
    warnings: [...warningsOf(data.notify), ...allowancesIn(data.http)].map(
      ({ path, message }) => `${formatPlace(yaml.locate(path, 'key'))}: ${message}`,
    ),
  }
}

/** Whether anything of this machine is backed up: a vault, and the hub of a fleet, need nothing of their own. */
export function hasSources({ sources }: Pick<Config, 'sources'>): boolean {
  return Object.keys(sources).length > 0
}

function schemaOf(value: unknown): typeof configSchema | typeof vaultConfigSchema {
  const isForOthers = value instanceof Object && ('vault' in value || isHub(value))
  return isForOthers ? vaultConfigSchema : configSchema
}

function isHub(value: object): boolean {
  const fleet: unknown = Reflect.get(value, 'fleet')
  return fleet instanceof Object && Reflect.get(fleet, 'role') === 'hub'
}

function byPlace(one: Problem, other: Problem): number {
  return (one.line ?? 0) - (other.line ?? 0) || (one.column ?? 0) - (other.column ?? 0)
}

/** By name, without a prototype: `constructor` is a source only if the file has one. */
function named<T, U>(parts: Record<string, T>, rest: (part: T) => U): Record<string, U & { name: string }> {
  const entries = Object.entries(parts).map(([name, part]) => [name, { name, ...rest(part) }] as const)
  return Object.assign(Object.create(null), Object.fromEntries(entries))
}
