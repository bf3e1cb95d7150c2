-- `time` is when hdsync took an event, by its own clock; what a sender says stands beside it. It stood in its place before,
-- and could be anything, even an instant that no later event could be built from. Events that have a parent are of our own
-- clock: what came before and after in the store tells when an event was taken, to a minute.

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
