-- The kernel's tables. What each column holds and what protects it: README.md.
CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, mac BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
  account INTEGER PRIMARY KEY, tag BLOB NOT NULL, size INTEGER NOT NULL,
  frontier BLOB NOT NULL, time INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX heads_tag ON heads (tag);

CREATE TABLE account_keys (
  account INTEGER NOT NULL, version INTEGER NOT NULL, key BLOB NOT NULL,
  purposes BLOB NOT NULL, PRIMARY KEY (account, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, place INTEGER NOT NULL,
  leaf BLOB NOT NULL, opening BLOB
) STRICT;
CREATE UNIQUE INDEX entries_place ON entries (account, place);

CREATE TABLE access_index (
  row INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor BLOB NOT NULL,
  credential BLOB NOT NULL, objects BLOB NOT NULL
) STRICT;

CREATE TABLE records (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, collection BLOB NOT NULL,
  tag BLOB NOT NULL, version INTEGER NOT NULL, deleted INTEGER NOT NULL,
  changed INTEGER NOT NULL, current INTEGER NOT NULL, key INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_tag ON records (account, tag);
-- The row number ends every index entry, so this one gives a collection in creation order.
CREATE INDEX records_page ON records (account, collection);

CREATE TABLE versions (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, prev INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;

CREATE TABLE record_keys (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, tag BLOB NOT NULL,
  version INTEGER NOT NULL, wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE tiles (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, level INTEGER NOT NULL,
  place INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX tiles_place ON tiles (account, level, place);

CREATE TABLE requests (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, tag BLOB NOT NULL, hash BLOB NOT NULL,
  entry INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX requests_tag ON requests (account, tag);

CREATE TABLE jobs (
  row INTEGER PRIMARY KEY, account INTEGER NOT NULL, due INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_due ON jobs (due);

CREATE TABLE commits (
  sequence INTEGER PRIMARY KEY, last INTEGER NOT NULL, chain BLOB NOT NULL
) STRICT;
