-- The attempt that ended a delivery lies in the delivery's own row, one page less to write; earlier ones stay in `attempt`.
-- A state is checked value by value: for a list of more than two SQLite builds a table at each insert.

PRAGMA defer_foreign_keys = ON;
CREATE TABLE earlier AS SELECT d.*, a.started_at, a.ended_at, a.error FROM delivery AS d
  LEFT JOIN attempt AS a ON a.delivery_id = d.id AND a.number = d.earlier_tries + d.tries
    AND d.state NOT IN ('ready', 'claimed');
DROP TABLE delivery;
CREATE TABLE delivery (
  id            INTEGER PRIMARY KEY,
  event_seq     INTEGER NOT NULL REFERENCES event (seq),
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
  error         TEXT,
  UNIQUE (event_seq, function)
);
INSERT INTO delivery SELECT * FROM earlier ORDER BY id;
DROP TABLE earlier;
CREATE INDEX delivery_ready ON delivery (run_at, id) WHERE state = 'ready';
CREATE INDEX delivery_claimed ON delivery (lease_until) WHERE state = 'claimed';
CREATE INDEX delivery_key ON delivery (function, key, id) WHERE key IS NOT NULL AND state IN ('ready', 'claimed');
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';

DELETE FROM attempt WHERE EXISTS (
  SELECT 1 FROM delivery WHERE id = delivery_id AND ended_at IS NOT NULL AND earlier_tries + tries = number);
CREATE VIEW try AS
  SELECT delivery_id, number, started_at, ended_at, error FROM attempt
  UNION ALL SELECT id, earlier_tries + tries, started_at, ended_at, error FROM delivery WHERE ended_at IS NOT NULL;
