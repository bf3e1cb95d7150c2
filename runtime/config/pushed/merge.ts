import * as z from 'zod'
import type { Config, OwnSettings, PushedValue } from '../config.ts'
import { limitKey, ofAllSources } from './keys.ts'
import { isAsSafe, type Rule, ruleOf, type Value } from './rules.ts'

/** What is set, as it is sent and kept: pairs, so that no key can be anything but a text. */
export const pushedSet = z.lazy(() =>
  z
    .array(z.strictObject({ key: z.string().min(1).max(128), value: z.string().min(1).max(32) }))
    .max(mostPushed),
)
export type PushedSet = z.output<typeof pushedSet>

/** More is refused: it has to fit into what is signed. */
export const mostPushed = 300

/** What the hub asks for, by `config.set`: all that it sets, in place of what it has set before. Numbers only grow. */
export const pushRequest = z.lazy(() => z.strictObject({ number: z.int().min(1), set: pushedSet.unwrap() }))
export type Pushed = z.output<typeof pushRequest>

/** What is wrong with a key or its value, whatever host it is for. */
export function flawOf({ key, value }: PushedSet[number]): string | undefined {
  const rule = ruleOf(key)
  if (!rule) return `${key} cannot be set from a hub`
  const read = rule.read(value)
  return 'expected' in read ? `${key}: expected ${read.expected}, found ${JSON.stringify(value)}` : undefined
}

/**
 * Why a host does not take what its hub sets: each key that would make its own config less safe, or that it has not got.
 * @returns Empty where all of it may be taken.
 */
export function flawsOf(set: PushedSet, own: OwnSettings): string[] {
  const keys = set.map(({ key }) => key)
  return set.flatMap((one, i) => {
    if (keys.indexOf(one.key) < i) return [`${one.key} is set twice`]
    const flaw = flawOf(one)
    if (flaw !== undefined) return [flaw]
    const found = expanded([one], own).map(({ key, value }) => compared(key, value, own))
    if (found.length === 0) return ['there are no sources here']
    // A limit for all sources may be stricter for one of them alone.
    const [first] = found
    return first && found.every(({ isInForce }) => !isInForce) ? [`${first.key}: ${first.reason}`] : []
  })
}

/** The config of a host with what its hub has set: of each value the safer one is in force, that of the host where they cannot be compared. */
export function merged(own: OwnSettings, set: PushedSet): { settings: OwnSettings; values: PushedValue[] } {
  const values: PushedValue[] = []
  let settings = own
  for (const { key, value } of expanded(set, own)) {
    const outcome = compared(key, value, own)
    const { rule, read, ...told } = outcome
    values.push(told)
    if (told.isInForce && rule && read !== undefined) settings = rule.with(settings, read)
  }
  return { settings, values }
}

/** A limit for all sources as one for each, but for those that have one of their own. */
function expanded(set: PushedSet, { sources }: OwnSettings): PushedSet {
  const named = new Set(set.map(({ key }) => key))
  return set.flatMap(({ key, value }) => {
    if (key !== ofAllSources) return [{ key, value }]
    const keys = Object.keys(sources).map(limitKey)
    return keys.filter((one) => !named.has(one)).map((one) => ({ key: one, value }))
  })
}

type Outcome = PushedValue & { rule?: Rule; read?: Value }

function compared(key: string, text: string, own: OwnSettings): Outcome {
  const no = (reason: string, has: string | null = null) => ({
    ...{ key, pushed: text, own: has, isInForce: false, reason },
  })
  const rule = ruleOf(key)
  const read = rule?.read(text)
  if (!rule || !read || 'expected' in read) return no(`this hdsync cannot set it`)
  const { value } = read
  const has = rule.own(own)
  if (has === undefined) return no(rule.lacking)
  const [pushed, owned] = [rule.text(value), rule.text(has)]
  const safe = isAsSafe(rule, value, has)
  if (safe === undefined)
    return no(`${pushed} cannot be compared with ${owned}, which the config here says`, owned)
  const than = rule.safer === 'lower' ? 'more' : 'less'
  if (!safe) return no(`${pushed} is ${than} than ${owned}, which the config here says`, owned)
  return { key, pushed, own: owned, isInForce: true, reason: null, rule, read: value }
}

/** What of the config of a host its hub can set, as its file says it. */
export function ownSettings({ pushed, ...config }: Config): OwnSettings {
  if (pushed) return pushed.own
  const { sources, archive, keep, alert, verify, drill } = config
  return {
    ...{ sources, keep, alert },
    ...(archive && { archive }),
    ...(verify && { verify }),
    ...(drill && { drill }),
  }
}
