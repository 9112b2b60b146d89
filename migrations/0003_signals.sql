-- What other systems reported, sealed under a key of its day. Columns: README.md.
CREATE TABLE signal_days (
  day INTEGER PRIMARY KEY, first INTEGER NOT NULL, wrapped BLOB NOT NULL
) STRICT;

CREATE TABLE signals (
  row INTEGER PRIMARY KEY, day INTEGER NOT NULL, entry INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;
