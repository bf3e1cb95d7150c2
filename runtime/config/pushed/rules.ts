import type * as z from 'zod'
import { formatDuration } from '../../units.ts'
import type { OwnSettings } from '../config.ts'
import { keep as tiers } from '../keep.ts'
import { sourceName } from '../names.ts'
import type { DeletionLimit } from '../quantities.ts'
import { archiveFields, configSchema, sourceFields } from '../schema.ts'
import { limitKey, ofAllSources } from './keys.ts'

// What the hub of a fleet may set in the config of a host, and which of two values is the safer one. What does not stand here is not pushed.

export type Value = number | DeletionLimit

/** One key of the config. */
export interface Rule {
  /** @returns What a text means there, or what was expected. */
  read(text: string): { value: Value } | { expected: string }
  /** What the config of the host says; undefined where it has no such thing. */
  own(settings: OwnSettings): Value | undefined
  /** Why nothing can be set where it has none. */
  lacking: string
  /** Which value is the safer one. */
  safer: 'higher' | 'lower'
  text(value: Value): string
  with(settings: OwnSettings, value: Value): OwnSettings
}

/** A percent of files and a number of files cannot be compared: neither is known to be the safer one. */
export function isAsSafe({ safer }: Pick<Rule, 'safer'>, value: Value, own: Value): boolean | undefined {
  const [one, other] = [sizeOf(value), sizeOf(own)]
  if (one.unit !== other.unit) return undefined
  return safer === 'lower' ? one.size <= other.size : one.size >= other.size
}

function sizeOf(value: Value): { unit: string; size: number } {
  if (typeof value === 'number') return { unit: 'number', size: value }
  return 'percent' in value ? { unit: 'percent', size: value.percent } : { unit: 'files', size: value.files }
}

const ofSource = /^sources\.(.+)\.maxDelete$/

/** @param key Of whatever form: it may come from anybody. */
export function ruleOf(key: string): Rule | undefined {
  if (key === ofAllSources) return limitOf('')
  const source = ofSource.exec(key)?.[1]
  if (source !== undefined) return sourceName.safeParse(source).success ? limitOf(source) : undefined
  return rules.get(key)
}

/** The keys, for a person who looks for the right one. */
export function pushableKeys(): string[] {
  return [ofAllSources, limitKey('NAME'), ...rules.keys()]
}

/** @param source Empty for a limit that is read, and not yet of a source. */
function limitOf(source: string): Rule {
  return {
    read: reader(sourceFields.shape.maxDelete, String),
    own: ({ sources }) => (Object.hasOwn(sources, source) ? sources[source]?.maxDelete : undefined),
    lacking: `there is no source ${source} here`,
    safer: 'lower',
    text: limitText,
    with(settings, value) {
      const one = Object.hasOwn(settings.sources, source) ? settings.sources[source] : undefined
      if (!one || typeof value === 'number') return settings
      const sources = Object.assign(Object.create(null), settings.sources, {
        [source]: { ...one, maxDelete: value },
      })
      return { ...settings, sources }
    },
  }
}

function limitText(value: Value): string {
  if (typeof value === 'number') return String(value)
  return 'percent' in value ? `${value.percent}%` : `${value.files} files`
}

/** @param before What the schema takes in the place of the text. */
function reader(schema: z.ZodType, before: (text: string) => unknown): Rule['read'] {
  return (text) => {
    const result = schema.safeParse(before(text))
    if (result.success) return { value: result.data as Value }
    return { expected: result.error.issues[0]?.message ?? 'another value' }
  }
}

/** A duration; `at` finds it in what the schema of its part gives. */
const durationRule = (
  read: Rule['read'],
  rest: Pick<Rule, 'own' | 'with' | 'safer'> & { lacking?: string },
): Rule => ({ lacking: '', ...rest, read, text: (value) => formatDuration(Number(value)) })

/** Reads a key of a part of the config, by the schema of the whole part. */
function within(part: z.ZodType, key: string, others: Record<string, unknown> = {}): Rule['read'] {
  return (text) => {
    const result = part.safeParse({ ...others, [key]: text })
    if (!result.success) return { expected: result.error.issues[0]?.message ?? 'another value' }
    return { value: (result.data as Record<string, number>)[key] ?? 0 }
  }
}

const whole = (text: string) => (/^\d{1,6}$/.test(text) ? Number(text) : text)

const daysOfWeek = 7

/** Without rules nothing is pruned at all: then to keep "more" would begin to remove what is kept now. */
const noPruning = 'nothing is pruned here: any rule would keep less'

function tierRule(tier: keyof typeof tiers.shape): Rule {
  return {
    read: reader(tiers.shape[tier], whole),
    own: ({ archive }) => archive?.keep?.[tier],
    lacking: noPruning,
    safer: 'higher',
    text: String,
    with(settings, value) {
      const { archive } = settings
      if (!archive?.keep) return settings
      return { ...settings, archive: { ...archive, keep: { ...archive.keep, [tier]: Number(value) } } }
    },
  }
}

const { shape } = configSchema

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [
    'keep',
    durationRule(reader(shape.keep, String), {
      own: ({ keep }) => keep,
      safer: 'higher',
      with: (settings, value) => ({ ...settings, keep: Number(value) }),
    }),
  ],
  [
    'alert.after',
    durationRule(within(shape.alert, 'after'), {
      own: ({ alert }) => alert.after,
      safer: 'lower',
      with: (settings, value) => ({ ...settings, alert: { ...settings.alert, after: Number(value) } }),
    }),
  ],
  [
    'verify.every',
    durationRule(within(shape.verify, 'every'), {
      own: ({ verify }) => verify?.every,
      lacking: 'there is no `verify` here',
      safer: 'lower',
      with: (settings, value) =>
        settings.verify ? { ...settings, verify: { ...settings.verify, every: Number(value) } } : settings,
    }),
  ],
  [
    'drill.every',
    durationRule(within(shape.drill, 'every', { scratch: '/' }), {
      own: ({ drill }) => drill?.every,
      lacking: 'there is no `drill` here',
      safer: 'lower',
      with: (settings, value) =>
        settings.drill ? { ...settings, drill: { ...settings.drill, every: Number(value) } } : settings,
    }),
  ],
  [
    'archive.daily',
    {
      read: reader(archiveFields.shape.daily, whole),
      own({ archive }) {
        const daily = archive?.daily ?? daysOfWeek
        return archive && (archive.keep || daily !== daysOfWeek) ? daily : undefined
      },
      lacking: noPruning,
      safer: 'higher',
      text: String,
      with: (settings, value) =>
        settings.archive ? { ...settings, archive: { ...settings.archive, daily: Number(value) } } : settings,
    },
  ],
  ...(['weekly', 'monthly', 'yearly', 'atLeast'] as const).map(
    (tier) => [`archive.keep.${tier}`, tierRule(tier)] as const,
  ),
])
