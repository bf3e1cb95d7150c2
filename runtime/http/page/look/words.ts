import { isUtf8 } from 'node:buffer'
import { isoOf, localMinute } from '../../../instant.ts'
import { weekdayOf } from '../../../weekday.ts'
import { type Html, html } from './html.ts'

// Numbers and times as people say them.

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** `9 hours`, `2 days`, `under a minute`. */
export function spanText(ms: number): string {
  const span = Math.abs(ms)
  if (span < minuteMs) return 'under a minute'
  if (span < 2 * hourMs) return some(Math.floor(span / minuteMs), 'minute')
  if (span < 2 * dayMs) return some(Math.floor(span / hourMs), 'hour')
  return some(Math.floor(span / dayMs), 'day')
}

/** `9 hours ago`, `in 3 hours`. */
export function agoText(at: number, now: number): string {
  if (Math.abs(now - at) < minuteMs) return 'just now'
  return at <= now ? `${spanText(now - at)} ago` : `in ${spanText(at - now)}`
}

/** `tonight 04:15`, `today 14:00`, `tomorrow 04:15`, `Fri 27 Nov 04:15`. */
export function soonText(at: number, now: number): string {
  const time = localMinute(at).slice(11)
  const days = Math.round((startOfDay(at) - startOfDay(now)) / dayMs)
  const hour = new Date(at).getHours()
  // The small hours belong to the night that begins the evening before.
  if (hour < 8 && (days === 1 || (days === 0 && at > now))) return `tonight ${time}`
  if (days === 0) return `today ${time}`
  if (days === 1) return `tomorrow ${time}`
  return `${dayText(at)} ${time}`
}

/** As calendars abbreviate them. */
export const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Tue 24 Nov`. @param ms Since the epoch. */
export function dayText(ms: number): string {
  const date = new Date(ms)
  return `${weekdayOf(ms).slice(0, 3)} ${date.getDate()} ${months[date.getMonth()]}`
}

/** `24 Nov 02:00`; with the year where it is another one. */
export function momentText(ms: number, now: number): string {
  const date = new Date(ms)
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`
  return `${date.getDate()} ${months[date.getMonth()]}${year} ${localMinute(ms).slice(11)}`
}

/** A moment, with its exact time for whoever points at it; a script adds the time of the reader's own zone. */
export function timeTag(ms: number, text: string): Html {
  return html`<time datetime="${isoOf(ms)}" title="${localMinute(ms)}">${text}</time>`
}

/** How long ago a moment is, with its exact time. */
export function agoTag(ms: number, now: number): Html {
  return timeTag(ms, agoText(ms, now))
}

/** A moment as its day and time, with its exact time. */
export function momentTag(ms: number, now: number): Html {
  return timeTag(ms, momentText(ms, now))
}

/** A moment to the second: `2026-11-24 02:00:07`. */
export function secondText(ms: number): string {
  return `${localMinute(ms)}:${String(new Date(ms).getSeconds()).padStart(2, '0')}`
}

/** A name of any bytes: control characters, and bytes that are no UTF-8, are written as escapes. */
export function nameText(name: Buffer): string {
  const text = isUtf8(name) ? name.toString() : name.toString('latin1').replace(/[\x80-\xff]/g, escaped)
  return text.replace(/\p{C}/gu, escaped)
}

/** Text from outside, in which nothing is hidden. */
export function plainText(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, escaped)
}

/** Text from outside, whose parts in backticks are commands and settings. */
export function richText(text: string): Html {
  return html`${text.split('`').map((part, n) => (n % 2 === 1 ? html`<code>${plainText(part)}</code>` : plainText(part)))}`
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

/** `1 source`, `all three sources` are said with numbers up to twelve as words. */
export function numberWord(value: number): string {
  return numbers[value] ?? String(value)
}

const numbers = 'no one two three four five six seven eight nine ten eleven twelve'.split(' ')

/** `var`, `var and home`, `var, home and www`. */
export function listText(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}

function some(value: number, unit: string): string {
  return `${value} ${unit}${value === 1 ? '' : 's'}`
}

/** The midnight before a moment, on the clock of this machine. */
export function startOfDay(ms: number): number {
  const date = new Date(ms)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}
