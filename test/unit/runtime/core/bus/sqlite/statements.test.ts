import { expect, test } from 'vitest'
import { inMemory, openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { statements } from '../../../../../../runtime/core/bus/sqlite/statements.ts'

const database = openDatabase(inMemory)

test.each(Object.entries(statements))('%s goes through no table as a whole', (_, sql) => {
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map(({ detail }) => String(detail))
  expect(
    plan.filter((step) => /^SCAN (?!CONSTANT|json_each|begun|\(?subquery)(?!.*USING)/i.test(step)),
  ).toEqual([])
})

test.each([
  'run_id = ?',
  'run_id = ? AND type = ?',
  "type IN ('a', 'b')",
  'type = ? AND subject = ?',
  'run_id IN (SELECT value FROM json_each(?))',
  'seq > ?',
])('what is logged is found by %s without going through all events', (condition) => {
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN SELECT * FROM logged WHERE ${condition} ORDER BY seq DESC LIMIT ?`)
    .all()
    .map(({ detail }) => String(detail))
  expect(plan.filter((step) => /^SEARCH event\b/.test(step))).toHaveLength(2)
  expect(plan.filter((step) => /^SCAN event\b/.test(step))).toEqual([])
})
