-- Where a call came from, and what a search for affected accounts needs so as not to read every
-- row. A row from before has no source: NULL. What each column holds: README.md.
ALTER TABLE access_index ADD COLUMN source BLOB;

-- For each 256 rows of the access index, which tags stand in which of them. Only appended to: three
-- B-tree indexes over the same columns cost 4 to 85 times the bytes of a row (decision 0020).
CREATE TABLE access_segments (
  row INTEGER PRIMARY KEY, tags BLOB NOT NULL, places BLOB NOT NULL
) STRICT;
