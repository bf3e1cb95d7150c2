-- What functions have started under a key, the last time of each: the same is not started again while that waits.

CREATE TABLE started (
  type   TEXT NOT NULL,
  key    TEXT NOT NULL,
  run_id TEXT NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (type, key)
) WITHOUT ROWID;
