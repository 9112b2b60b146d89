-- The kernel's tables for PostgreSQL: the same rows as in `0001_spine.sql` to `0003_signals.sql` of SQLite, what each column holds
-- and what protects it is in README.md. What is added: who may see which rows, and what several nodes agree on.
CREATE SCHEMA bailee;

CREATE TABLE bailee.meta (
  name text PRIMARY KEY, value bytea NOT NULL, mac bytea NOT NULL
);

CREATE TABLE bailee.heads (
  account bigint PRIMARY KEY, tag bytea NOT NULL, size bigint NOT NULL,
  frontier bytea NOT NULL, time bigint NOT NULL
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX heads_tag ON bailee.heads (tag);

CREATE TABLE bailee.account_keys (
  account bigint NOT NULL, version bigint NOT NULL, key bytea NOT NULL,
  purposes bytea NOT NULL, PRIMARY KEY (account, version)
);

CREATE TABLE bailee.entries (
  row bigint PRIMARY KEY, account bigint NOT NULL, place bigint NOT NULL,
  leaf bytea NOT NULL, opening bytea
);
CREATE UNIQUE INDEX entries_place ON bailee.entries (account, place);

CREATE TABLE bailee.access_index (
  row bigint PRIMARY KEY, at bigint NOT NULL, actor bytea NOT NULL,
  credential bytea NOT NULL, objects bytea NOT NULL, source bytea
);

CREATE TABLE bailee.access_segments (
  row bigint PRIMARY KEY, tags bytea NOT NULL, places bytea NOT NULL
);

CREATE TABLE bailee.records (
  row bigint PRIMARY KEY, account bigint NOT NULL, collection bytea NOT NULL,
  tag bytea NOT NULL, version bigint NOT NULL, deleted boolean NOT NULL,
  changed bigint NOT NULL, current bigint NOT NULL, key bigint NOT NULL, mac bytea NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX records_tag ON bailee.records (account, tag);
CREATE INDEX records_page ON bailee.records (account, collection, row);
-- What moved in the registers since a node looked: its rights are kept in memory.
CREATE INDEX records_house ON bailee.records (changed) WHERE account = 0;

CREATE TABLE bailee.versions (
  row bigint PRIMARY KEY, account bigint NOT NULL, prev bigint NOT NULL, sealed bytea NOT NULL
);

CREATE TABLE bailee.record_keys (
  row bigint PRIMARY KEY, account bigint NOT NULL, tag bytea NOT NULL,
  version bigint NOT NULL, wrapped bytea NOT NULL
);

CREATE TABLE bailee.tiles (
  row bigint PRIMARY KEY, account bigint NOT NULL, level smallint NOT NULL,
  place bigint NOT NULL, data bytea NOT NULL
);
CREATE UNIQUE INDEX tiles_place ON bailee.tiles (account, level, place);

CREATE TABLE bailee.requests (
  row bigint PRIMARY KEY, account bigint NOT NULL, tag bytea NOT NULL, hash bytea NOT NULL,
  entry bigint NOT NULL, count bigint NOT NULL, at bigint NOT NULL
);
CREATE UNIQUE INDEX requests_tag ON bailee.requests (account, tag);

-- `claim` is the token of whoever runs the job until `claimed_until`; a later claim has a higher one.
CREATE TABLE bailee.jobs (
  row bigint PRIMARY KEY, account bigint NOT NULL, due bigint NOT NULL, sealed bytea NOT NULL,
  claim bigint NOT NULL DEFAULT 0, claimed_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX jobs_due ON bailee.jobs (due, row);

CREATE TABLE bailee.commits (
  sequence bigint PRIMARY KEY, last bigint NOT NULL, chain bytea NOT NULL
);

CREATE TABLE bailee.signal_days (
  day bigint PRIMARY KEY, first bigint NOT NULL, wrapped bytea NOT NULL
);

CREATE TABLE bailee.signals (
  row bigint PRIMARY KEY, day bigint NOT NULL, entry bigint NOT NULL, sealed bytea NOT NULL
);

-- Where the one order over all commits has come to. Whoever holds this row commits next.
CREATE TABLE bailee.tail (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  sequence bigint NOT NULL DEFAULT 0, last bigint NOT NULL DEFAULT 0,
  chain bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  tile bigint NOT NULL DEFAULT 0, time bigint NOT NULL DEFAULT 0, rights bigint NOT NULL DEFAULT 0,
  anchor bigint NOT NULL DEFAULT -1
) WITH (fillfactor = 10);
INSERT INTO bailee.tail DEFAULT VALUES;

-- Each log as the newest anchor that named it has it, and that one's index in `house`.
CREATE TABLE bailee.anchored (
  account bigint PRIMARY KEY, size bigint NOT NULL, root bytea NOT NULL, anchor bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX anchored_anchor ON bailee.anchored (anchor);

-- Nodes, and who of them does what happens once: `token` rises with each holder.
CREATE TABLE bailee.nodes (
  name text PRIMARY KEY, release text NOT NULL, since timestamptz NOT NULL, seen timestamptz NOT NULL
);
CREATE TABLE bailee.leases (
  name text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL, until timestamptz NOT NULL
);

-- What is sealed does not shrink.
ALTER TABLE bailee.entries ALTER leaf SET STORAGE EXTERNAL, ALTER opening SET STORAGE EXTERNAL;
ALTER TABLE bailee.access_segments ALTER tags SET STORAGE EXTERNAL, ALTER places SET STORAGE EXTERNAL;
ALTER TABLE bailee.versions ALTER sealed SET STORAGE EXTERNAL;
ALTER TABLE bailee.tiles ALTER data SET STORAGE EXTERNAL;
ALTER TABLE bailee.signals ALTER sealed SET STORAGE EXTERNAL;

-- What nodes ask each other, and answer.
CREATE TABLE bailee.questions (question bytea PRIMARY KEY, node text NOT NULL, asked timestamptz NOT NULL);
CREATE TABLE bailee.answers (
  question bytea NOT NULL, node text NOT NULL, answer bytea NOT NULL, PRIMARY KEY (question, node)
);

-- Numbers of new rows, drawn in blocks.
CREATE SEQUENCE bailee.numbers INCREMENT BY 64;
CREATE SEQUENCE bailee.claims;

CREATE TABLE bailee.format (version integer NOT NULL);
INSERT INTO bailee.format VALUES (1);

-- A session sees rows of the accounts that it names for its transaction, and else none.
CREATE FUNCTION bailee.held() RETURNS bigint[] LANGUAGE sql STABLE AS
  $$ SELECT string_to_array(nullif(current_setting('bailee.accounts', true), ''), ',')::bigint[] $$;
CREATE FUNCTION bailee.everything() RETURNS boolean LANGUAGE sql STABLE AS
  $$ SELECT current_setting('bailee.scope', true) IS NOT DISTINCT FROM 'all' $$;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['account_keys', 'entries', 'records', 'versions', 'record_keys', 'tiles', 'requests', 'jobs'] LOOP
    EXECUTE format('ALTER TABLE bailee.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE bailee.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY held ON bailee.%I USING ((SELECT bailee.everything()) OR account = ANY ((SELECT bailee.held())::bigint[]))
       WITH CHECK (account = ANY ((SELECT bailee.held())::bigint[]))', name);
  END LOOP;
  -- Whoever claims jobs does so for all accounts.
  CREATE POLICY claimed ON bailee.jobs FOR UPDATE
    USING ((SELECT bailee.everything())) WITH CHECK ((SELECT bailee.everything()));
END $$;
