import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { inMemory, migrate } from '../../../../../runtime/bus/sqlite/database.ts'
import { migrations } from '../../../../../runtime/bus/sqlite/migrations.ts'

/** A store as an earlier version left it. */
function storeOf(version: number, rows: string): DatabaseSync {
  const database = new DatabaseSync(inMemory)
  onTestFinished(() => database.close())
  database.exec('PRAGMA foreign_keys = ON')
  migrate(database, inMemory, migrations.slice(0, version))
  database.exec(rows)
  return database
}

const valuesOf = (database: DatabaseSync, sql: string) => database.prepare(sql).all().map(Object.values)

test('version 3 keeps every try, the one with which a delivery ended in its row', () => {
  const database = storeOf(
    2,
    `INSERT INTO event (seq, id, source, type, time, attempt, data)
      VALUES (1, 'a', '/here', 't', '2026-01-01T00:00:00.000Z', 1, '{}');
    INSERT INTO delivery (id, event_seq, function, state, tries, earlier_tries, run_at) VALUES
      (1, 1, 'done', 'done', 2, 0, 0), (2, 1, 'redriven', 'dead', 1, 2, 0), (3, 1, 'waits', 'ready', 1, 0, 90),
      (4, 1, 'in hand', 'claimed', 2, 0, 0), (5, 1, 'withdrawn', 'cancelled', 0, 0, 0);
    INSERT INTO attempt VALUES (1, 1, 10, 11, 'no'), (1, 2, 20, 21, NULL),
      (2, 1, 10, 11, 'one'), (2, 2, 20, 21, 'two'), (2, 3, 30, 31, 'three'),
      (3, 1, 10, 11, 'later'), (4, 1, 10, 11, 'again');
    INSERT INTO command (delivery_id, try, argv, started_at) VALUES (1, 2, '[]', 20);
    INSERT INTO log (delivery_id, at, level, message) VALUES (2, 10, 'info', 'hello')`,
  )
  const kept = 'SELECT id, function, state, tries, earlier_tries, run_at FROM delivery'
  const deliveries = valuesOf(database, kept)
  const before = valuesOf(database, 'SELECT * FROM attempt ORDER BY delivery_id, number')
  migrate(database, inMemory)
  expect(valuesOf(database, kept)).toEqual(deliveries)
  expect(valuesOf(database, 'PRAGMA foreign_key_check')).toEqual([])
  expect(valuesOf(database, 'SELECT * FROM try ORDER BY delivery_id, number')).toEqual(before)
  expect(valuesOf(database, 'SELECT id, ended_at, error FROM delivery WHERE ended_at IS NOT NULL')).toEqual([
    [1, 21, null],
    [2, 31, 'three'],
  ])
  expect(valuesOf(database, 'SELECT delivery_id, number FROM attempt')).toEqual([
    [1, 1],
    [2, 1],
    [2, 2],
    [3, 1],
    [4, 1],
  ])
})

test('version 3 refuses what refers to nothing, and a state that there is none of', () => {
  const database = storeOf(migrations.length, '')
  const owe = (state: string) =>
    database.exec(`INSERT INTO delivery (event_seq, function, state, run_at) VALUES (1, 'f', '${state}', 0)`)
  expect(() => owe('ready')).toThrow('FOREIGN KEY')
  database.exec(`INSERT INTO event (seq, id, source, type, time, attempt, data)
    VALUES (1, 'a', '/here', 't', '2026-01-01T00:00:00.000Z', 1, '{}')`)
  expect(() => owe('lost')).toThrow('CHECK')
  owe('ready')
  expect(() => owe('ready')).toThrow('UNIQUE')
  expect(() => database.exec('DELETE FROM event')).toThrow('FOREIGN KEY')
  database.exec("INSERT INTO log (delivery_id, at, level, message) VALUES (1, 0, 'info', 'hello')")
  expect(() => database.exec('DELETE FROM delivery')).toThrow('FOREIGN KEY')
})
