/**
 * The tables of the event store, as numbered steps forward. A step that has been released never changes;
 * `PRAGMA user_version` holds the number of the last one applied. Times are milliseconds since the epoch.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    type        TEXT NOT NULL,
    subject     TEXT,
    time        TEXT NOT NULL,
    run_id      TEXT,
    attempt     INTEGER NOT NULL,
    parent_id   TEXT,
    traceparent TEXT,
    data        TEXT NOT NULL,
    UNIQUE (source, id)
  );
  CREATE INDEX event_run ON event (run_id, seq);
  CREATE INDEX event_type ON event (type, subject, seq);

  CREATE TABLE delivery (
    id          INTEGER PRIMARY KEY,
    event_seq   INTEGER NOT NULL REFERENCES event (seq),
    function    TEXT NOT NULL,
    key         TEXT,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'claimed', 'done', 'dead', 'cancelled')),
    tries       INTEGER NOT NULL DEFAULT 0,
    run_at      INTEGER NOT NULL,
    token       TEXT,
    lease_until INTEGER,
    UNIQUE (event_seq, function)
  );
  CREATE INDEX delivery_ready ON delivery (run_at, id) WHERE state = 'ready';
  CREATE INDEX delivery_claimed ON delivery (lease_until) WHERE state = 'claimed';
  CREATE INDEX delivery_key ON delivery (function, key, id) WHERE key IS NOT NULL AND state IN ('ready', 'claimed');
  CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';

  CREATE TABLE attempt (
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    error       TEXT,
    PRIMARY KEY (delivery_id, number)
  ) WITHOUT ROWID;

  CREATE TABLE command (
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    try         INTEGER NOT NULL,
    argv        TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    duration_ms REAL,
    exit_code   INTEGER,
    signal      TEXT,
    stderr      TEXT
  );
  CREATE INDEX command_delivery ON command (delivery_id);

  CREATE TABLE log (
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    at          INTEGER NOT NULL,
    level       TEXT NOT NULL,
    message     TEXT NOT NULL
  );
  CREATE INDEX log_delivery ON log (delivery_id);
  `,
  // A dead letter is taken up again: in place, or by another run, which is then noted.
  `
  ALTER TABLE delivery ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE delivery ADD COLUMN earlier_tries INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE delivery ADD COLUMN replaced_by TEXT;
  `,
  // The try with which a delivery ended lies in its own row, one page less to write; earlier ones stay in `attempt`. And
  // a state is checked one by one: for a list of more than two SQLite makes a table of its own at each insert.
  `
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
  `,
  // A hop writes to as few pages as can be. What an event is looked up by, other than its id, is written down for many of
  // them at once (`filed`); until then they are looked through, those after the number in `meta`: `logged` is both. A
  // delivery has its id from its event, by which it is found; and what is open lies in one index, not in two.
  `
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
  `,
  // `time` is when hdsync took an event, by its own clock; what a sender says of it stands beside it. It stood in its place
  // before, and could be anything, an instant that no later event could be built from included. Events that have a parent
  // are of our own clock: what came before and after in the store tells when an event was taken, to a minute.
  `
  ALTER TABLE event ADD COLUMN sender_time TEXT;
  CREATE TABLE taken AS
    SELECT seq, told, coalesce(earliest, latest, now) AS earliest, coalesce(latest, now) AS latest FROM (
      SELECT seq, parent_id, unixepoch('now', 'subsec') AS now, unixepoch(time, 'subsec') AS told,
        max(iif(parent_id IS NULL, NULL, unixepoch(time, 'subsec'))) OVER
          (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS earliest,
        min(iif(parent_id IS NULL, NULL, unixepoch(time, 'subsec'))) OVER
          (ORDER BY seq ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS latest
      FROM event) WHERE parent_id IS NULL;
  UPDATE event SET sender_time = time,
      time = strftime('%Y-%m-%dT%H:%M:%fZ', iif(taken.told < taken.earliest, taken.earliest, taken.latest), 'unixepoch')
    FROM taken WHERE taken.seq = event.seq
      AND (taken.told IS NULL OR taken.told < taken.earliest - 60 OR taken.told > taken.latest + 60);
  DROP TABLE taken;
  `,
]
