import { expect, test } from 'vitest'
import { inMemory, openDatabase } from '../../../../../runtime/bus/sqlite/database.ts'
import { statements } from '../../../../../runtime/bus/sqlite/statements.ts'

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
