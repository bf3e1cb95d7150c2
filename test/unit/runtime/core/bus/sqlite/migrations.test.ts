import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inMemory, migrate } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { migrations } from '../../../../../../runtime/core/bus/sqlite/migrations.ts'
import { statements } from '../../../../../../runtime/core/bus/sqlite/statements.ts'

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
  migrate(database, inMemory, migrations.slice(0, 3))
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

test('a store refuses to forget what is referred to, and a state that there is none of', () => {
  const database = storeOf(migrations.length, '')
  const owe = (state: string) =>
    database.exec(`INSERT INTO delivery (id, function, state, run_at) VALUES (1000, 'f', '${state}', 0)`)
  database.exec(`INSERT INTO event (seq, id, source, type, time, attempt, data)
    VALUES (1, 'a', '/here', 't', '2026-01-01T00:00:00.000Z', 1, '{}')`)
  expect(() => owe('lost')).toThrow('CHECK')
  owe('ready')
  expect(() => owe('ready')).toThrow('UNIQUE')
  expect(() => database.exec('DELETE FROM event')).toThrow('FOREIGN KEY')
  database.exec("INSERT INTO log (delivery_id, at, level, message) VALUES (1000, 0, 'info', 'hello')")
  expect(() => database.exec('DELETE FROM delivery')).toThrow('FOREIGN KEY')
})

describe('version 4', () => {
  const rows = `
    INSERT INTO event (seq, id, source, type, time, run_id, attempt, data) VALUES
      (1, 'a', '/here', 't', '2026-01-01T00:00:00.000Z', 'run', 1, '{}'),
      (2, 'b', '/here', 't', '2026-01-01T00:00:00.000Z', 'run', 1, '{}');
    -- Earlier ids that are later ones of others.
    INSERT INTO delivery (id, event_seq, function, state, tries, run_at, token, lease_until, ended_at) VALUES
      (1, 2, 'first', 'dead', 2, 0, NULL, NULL, 21), (999, 1, 'first', 'done', 1, 0, NULL, NULL, 11),
      (1000, 1, 'second', 'ready', 1, 90, NULL, NULL, NULL), (2000, 1, 'third', 'claimed', 1, 0, 'token', 50, NULL);
    INSERT INTO attempt VALUES (1, 1, 10, 11, 'b first'), (1000, 1, 10, 11, 'a second'), (2000, 1, 10, 11, 'a third');
    INSERT INTO command (delivery_id, try, argv, started_at) VALUES
      (1, 1, 'b first', 20), (1000, 1, 'a second', 20), (2000, 1, 'a third', 20);
    INSERT INTO log (delivery_id, at, level, message) VALUES
      (1, 10, 'info', 'b first'), (1000, 10, 'info', 'a second'), (2000, 10, 'info', 'a third')`
  const ofDelivery = (table: string, text: string) =>
    `SELECT ${text} FROM ${table} JOIN delivery d ON d.id = delivery_id JOIN event e ON e.seq = d.event_seq
      WHERE ${text} <> e.id || ' ' || d.function`

  test('gives each delivery an id of its event, with all that belongs to it', () => {
    const database = storeOf(3, rows)
    const kept = `SELECT event_seq, function, state, tries, run_at, token, lease_until, ended_at FROM delivery
      ORDER BY event_seq, function`
    const before = valuesOf(database, kept)
    migrate(database, inMemory)
    expect(valuesOf(database, kept)).toEqual(before)
    expect(valuesOf(database, 'SELECT id FROM delivery ORDER BY id')).toEqual([
      [1000],
      [1001],
      [1002],
      [2000],
    ])
    for (const [table, text] of [
      ['attempt', 'error'],
      ['command', 'argv'],
      ['log', 'message'],
    ] as const) {
      expect(valuesOf(database, `SELECT count(*) FROM ${table}`)).toEqual([[3]])
      expect(valuesOf(database, ofDelivery(table, `${table}.${text}`))).toEqual([])
    }
    expect(valuesOf(database, 'PRAGMA foreign_key_check')).toEqual([])
    expect(valuesOf(database, 'PRAGMA integrity_check')).toEqual([['ok']])
  })

  test('finds every event once, before and after it is filed', () => {
    const database = storeOf(3, rows)
    migrate(database, inMemory)
    const found = () => valuesOf(database, "SELECT id FROM logged WHERE run_id = 'run' ORDER BY seq")
    expect(found()).toEqual([['a'], ['b']])
    database.exec(`INSERT INTO event (id, source, type, time, run_id, attempt, data, filed)
      VALUES ('c', '/here', 't', '2026-01-01T00:00:00.000Z', 'run', 1, '{}', 0)`)
    expect(found()).toEqual([['a'], ['b'], ['c']])
    database.exec(`${statements.file}; ${statements.filed}`)
    expect(found()).toEqual([['a'], ['b'], ['c']])
    expect(valuesOf(database, 'SELECT count(*) FROM event WHERE filed = 0')).toEqual([[0]])
  })
})
