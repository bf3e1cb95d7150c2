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
