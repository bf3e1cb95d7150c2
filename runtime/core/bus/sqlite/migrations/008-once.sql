-- What side effects have returned, by `once`: the next attempt of the same delivery does not repeat them. `result` is JSON,
-- or null where there was none.

CREATE TABLE once (
  delivery_id INTEGER NOT NULL,
  name        TEXT NOT NULL,
  result      TEXT,
  PRIMARY KEY (delivery_id, name)
) WITHOUT ROWID;
