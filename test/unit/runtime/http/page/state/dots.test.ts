import { expect, test } from 'vitest'
import { dotsOf } from '../../../../../../runtime/http/page/state/dots.ts'

const days = [1, 2, 3, 4, 5, 6].map((day) => Date.parse(`2026-11-0${day}T12:00`))
const hrefOf = (run: string) => `/nights/${run}`
const night = (n: number, state: string) => ({ run: `r${n}`, at: days[n] ?? 0, state }) as never
const nights = [
  undefined,
  undefined,
  night(2, 'succeeded'),
  night(3, 'succeeded'),
  night(4, 'failed'),
  night(5, 'held'),
]

test('each night is a dot that leads to it', () => {
  const text = String(dotsOf(nights, days, hrefOf, false))
  expect(text.match(/<a [^>]*href="\/nights\/r[2-5]"/g)).toHaveLength(4)
  expect(text.match(/no backup/g)).toHaveLength(2)
})

test('of many sources, nights that nobody asks for are told together', () => {
  const text = String(dotsOf(nights, days, hrefOf, true))
  expect(text).toContain('aria-label="2 nights: no backup"><i>·</i><i>·</i></span>')
  expect(text).toContain('aria-label="2 nights: good"><i>●</i><i>●</i></span>')
  expect(text.match(/href="\/nights\/r[45]"/g)).toHaveLength(2)
  expect(text).not.toMatch(/href="\/nights\/r[23]"/)
})
