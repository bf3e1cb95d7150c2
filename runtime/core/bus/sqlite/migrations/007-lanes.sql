-- What is claimed apart has a lane each: 0 the chain of a run, 1 what stands beside it, 2 the user's functions. What waits
-- behind others of its key, of which so many may be in hand at once (`key_limit`), is 10 further on, where no claim looks.

ALTER TABLE delivery ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN key_limit INTEGER NOT NULL DEFAULT 1;
UPDATE delivery SET lane = 10 WHERE state = 'ready' AND key IS NOT NULL AND EXISTS (
  SELECT 1 FROM delivery AS e WHERE e.function = delivery.function AND e.key = delivery.key AND e.id < delivery.id
    AND e.key IS NOT NULL AND e.state IN ('ready', 'claimed'));
DROP INDEX delivery_open;
CREATE INDEX delivery_open ON delivery (lease_until, lane, run_at) WHERE state = 'ready' OR state = 'claimed';
