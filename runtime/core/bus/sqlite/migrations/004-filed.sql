-- A hop writes to as few pages as possible. What an event is looked up by, other than its id, is indexed for many events at
-- once (`filed`); until then they are scanned, those after the number in `meta`: `logged` is both. A delivery's id
-- follows from its event, by which it is found; what is open lies in one index, not in two.

PRAGMA defer_foreign_keys = ON;
DROP VIEW try;
ALTER TABLE event ADD COLUMN filed INTEGER NOT NULL DEFAULT 1;
DROP INDEX event_run;
DROP INDEX event_type;
CREATE INDEX event_run ON event (run_id, seq) WHERE filed = 1;
CREATE INDEX event_type ON event (type, subject, seq) WHERE filed = 1;
INSERT INTO meta SELECT 'filed', coalesce(max(seq), 0) FROM event;
CREATE VIEW logged AS
  SELECT * FROM event WHERE filed = 1
  UNION ALL SELECT * FROM event WHERE filed = 0
    AND seq > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'filed');

CREATE TABLE earlier AS SELECT *, event_seq * 1000 + row_number() OVER (PARTITION BY event_seq ORDER BY id) - 1 AS new_id
  FROM delivery;
CREATE TABLE moved (id INTEGER PRIMARY KEY, new_id INTEGER NOT NULL);
INSERT INTO moved SELECT id, new_id FROM earlier ORDER BY id;
CREATE TABLE earlier_attempt AS SELECT m.new_id, number, started_at, ended_at, error
  FROM attempt JOIN moved AS m ON m.id = delivery_id;
DELETE FROM attempt;
UPDATE command SET delivery_id = (SELECT new_id FROM moved WHERE id = delivery_id);
UPDATE log SET delivery_id = (SELECT new_id FROM moved WHERE id = delivery_id);
DROP TABLE delivery;
CREATE TABLE delivery (
  id            INTEGER PRIMARY KEY,
  event_seq     INTEGER GENERATED ALWAYS AS (id / 1000) VIRTUAL,
  function      TEXT NOT NULL,
  key           TEXT,
  state         TEXT NOT NULL CHECK (
    state = 'ready' OR state = 'claimed' OR state = 'done' OR state = 'dead' OR state = 'cancelled'),
  tries         INTEGER NOT NULL DEFAULT 0,
  run_at        INTEGER NOT NULL,
  token         TEXT,
  lease_until   INTEGER,
  generation    INTEGER NOT NULL DEFAULT 0,
  earlier_tries INTEGER NOT NULL DEFAULT 0,
  replaced_by   TEXT,
  started_at    INTEGER,
  ended_at      INTEGER,
  error         TEXT
);
INSERT INTO delivery (id, function, key, state, tries, run_at, token, lease_until, generation, earlier_tries, replaced_by,
    started_at, ended_at, error)
  SELECT new_id, function, key, state, tries, run_at, token, lease_until, generation, earlier_tries, replaced_by,
    started_at, ended_at, error FROM earlier ORDER BY new_id;
INSERT INTO attempt SELECT * FROM earlier_attempt ORDER BY new_id, number;
DROP TABLE earlier;
DROP TABLE earlier_attempt;
DROP TABLE moved;
-- Of what is open, that which has no lease is ready.
CREATE INDEX delivery_open ON delivery (lease_until, run_at) WHERE state = 'ready' OR state = 'claimed';
CREATE INDEX delivery_key ON delivery (function, key, id) WHERE key IS NOT NULL AND state IN ('ready', 'claimed');
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';
-- What a foreign key does, which would need an index of its own.
CREATE TRIGGER event_owed BEFORE DELETE ON event
  WHEN EXISTS (SELECT 1 FROM delivery WHERE id BETWEEN OLD.seq * 1000 AND OLD.seq * 1000 + 999)
  BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: an event that has deliveries'); END;

CREATE VIEW try AS
  SELECT delivery_id, number, started_at, ended_at, error FROM attempt
  UNION ALL SELECT id, earlier_tries + tries, started_at, ended_at, error FROM delivery WHERE ended_at IS NOT NULL;
