-- A host of a fleet: what it has to tell its hub, until the hub has confirmed it. `seq` counts without a gap from 1; with its epoch,
-- which is in `meta`, it names one event. `event` is JSON, as the event itself may be forgotten first.

CREATE TABLE outbox (
  seq   INTEGER PRIMARY KEY,
  event TEXT NOT NULL
);

-- A hub: how far it has taken what each host told (`event_id` is that of number `seq`), how many numbers it will never see, and what is
-- known of the host: `about` as it said last, `state` as its events make it, both JSON.
CREATE TABLE fleet_host (
  host     TEXT PRIMARY KEY,
  epoch    TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  missing  INTEGER NOT NULL,
  heard_at INTEGER NOT NULL,
  about    TEXT NOT NULL,
  state    TEXT NOT NULL
) WITHOUT ROWID;

-- Epochs that a host has left: nothing of them is taken any more.
CREATE TABLE fleet_epoch (
  host  TEXT NOT NULL,
  epoch TEXT NOT NULL,
  PRIMARY KEY (host, epoch)
) WITHOUT ROWID;
