import type { EntryType } from '../../points/entry.ts'

/** Of the tables. A catalogue of another version is made anew. */
export const version = 2

/** The types of entries, by the numbers that stand in a catalogue. */
export const entryTypes: readonly EntryType[] = [
  'file',
  'directory',
  'symlink',
  'fifo',
  'socket',
  'block-device',
  'character-device',
]

/**
 * A catalogue of the archives of one source. A `point` is an archive that was put in its place; `seq` counts them in time.
 * A `segment` is a few members that stand together in each of the archives from `first` to `last` (no `last`: in the newest
 * too), so that a night costs what has changed. The members of a segment have the ids from its own one on.
 */
export const tables = `
  CREATE TABLE catalogue (id TEXT NOT NULL, source TEXT NOT NULL);
  CREATE TABLE point (
    seq INTEGER PRIMARY KEY,
    archive TEXT NOT NULL,    -- which segments it consists of: the id in the tail of the archive
    file TEXT NOT NULL,       -- its file, as archiveFile() tells it
    name TEXT NOT NULL,       -- Thursday/var.tar.zst
    at INTEGER NOT NULL,      -- when its mirror was read; milliseconds since the epoch
    size INTEGER NOT NULL,    -- of the archive, in bytes
    entries INTEGER NOT NULL,
    keyed INTEGER NOT NULL    -- whether its segments are those of the archive
  );
  CREATE TABLE folder (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
  CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    tag INTEGER NOT NULL,     -- its name in the tail of the archive
    entries INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER
  );
  CREATE INDEX segment_open ON segment (tag) WHERE last IS NULL;
  CREATE INDEX segment_open_unkeyed ON segment (tag) WHERE last IS NULL AND tag & 1;
  CREATE INDEX segment_closed ON segment (last, first) WHERE last IS NOT NULL;
  CREATE TABLE member (
    id INTEGER PRIMARY KEY,
    folder INTEGER NOT NULL,
    name BLOB NOT NULL,       -- empty, in the folder '', for the folder of the source itself
    type INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    link BLOB,                -- what a symbolic link contains
    hard_link BLOB,           -- the member of which this is a further name
    sha256 BLOB,
    attributes BLOB           -- tells ACLs and extended attributes from others
  );
  CREATE INDEX member_place ON member (folder, name);
  CREATE INDEX member_first_name ON member (hard_link) WHERE hard_link IS NOT NULL;
  PRAGMA user_version = ${version};
`

/** What a night adds, collected in a file of its own while the archive is written. */
export const nightTables = `
  CREATE TABLE folder (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, target INTEGER);
  CREATE TABLE segment (first INTEGER PRIMARY KEY, tag INTEGER NOT NULL, entries INTEGER NOT NULL);
  CREATE TABLE gone (tag INTEGER PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE member (
    id INTEGER PRIMARY KEY, folder INTEGER, name BLOB, type INTEGER, size INTEGER, mtime_ns INTEGER,
    mode INTEGER, uid INTEGER, gid INTEGER, link BLOB, hard_link BLOB, sha256 BLOB, attributes BLOB
  );
`

/**
 * Closes all segments that the new archive has not, and adds those that are new. `:seq` is that of the archive, `:base` the
 * greatest id of a member.
 */
export const nightSteps: readonly string[] = [
  'INSERT OR IGNORE INTO main.folder (path) SELECT path FROM night.folder',
  'UPDATE night.folder SET target = (SELECT id FROM main.folder AS known WHERE known.path = folder.path)',
  // Those without a key are packed anew each night; most of them are as they were.
  `CREATE TEMP TABLE same AS SELECT first, tag FROM night.segment
     WHERE tag & 1 AND tag IN (SELECT tag FROM main.segment WHERE last IS NULL AND tag & 1)`,
  `UPDATE main.segment SET last = :seq - 1
     WHERE last IS NULL AND tag & 1 AND tag NOT IN (SELECT tag FROM temp.same)`,
  // An archive that was packed anew has all of the earlier ones gone, but for what is as it was.
  `UPDATE main.segment SET last = :seq - 1
     WHERE last IS NULL AND tag IN (SELECT tag FROM night.gone) AND tag NOT IN (SELECT tag FROM temp.same)`,
  `INSERT INTO main.member
     SELECT member.id + :base, folder.target, name, type, size, mtime_ns, mode, uid, gid, link, hard_link, sha256, attributes
     FROM night.segment AS segment
     JOIN night.member AS member ON member.id BETWEEN segment.first AND segment.first + segment.entries - 1
     JOIN night.folder AS folder ON folder.id = member.folder
     WHERE segment.first NOT IN (SELECT first FROM temp.same)`,
  `INSERT INTO main.segment
     SELECT first + :base, tag, entries, :seq, NULL FROM night.segment
     WHERE first NOT IN (SELECT first FROM temp.same)`,
  'DROP TABLE temp.same',
]
