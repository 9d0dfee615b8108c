-- A session's deadline moves whenever it is seen, so it has no index: its row then changes in place. What is indexed is when
-- the sweep looks at it next, which is the deadline or earlier; if it has moved on by then, so does that.
CREATE TABLE IF NOT EXISTS espalier.state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version integer NOT NULL,
  keep_until double precision NOT NULL DEFAULT 0
);

CREATE SEQUENCE IF NOT EXISTS espalier.revision;
CREATE SEQUENCE IF NOT EXISTS espalier.sign_in;

CREATE TABLE IF NOT EXISTS espalier.session (
  key text PRIMARY KEY,
  uid text NOT NULL UNIQUE,
  is_secure boolean NOT NULL,
  idle_timeout double precision NOT NULL,
  absolute_timeout double precision NOT NULL,
  created_at double precision NOT NULL,
  last_seen_at double precision NOT NULL,
  "user" text,
  authenticated_at double precision,
  sign_in bigint,
  deadline double precision NOT NULL GENERATED ALWAYS AS (
    least(last_seen_at + idle_timeout, coalesce(authenticated_at, created_at) + absolute_timeout)
  ) STORED,
  look_at double precision NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS session_by_look ON espalier.session (look_at);

CREATE TABLE IF NOT EXISTS espalier.alias (
  uid text PRIMARY KEY,
  key text NOT NULL,
  until double precision NOT NULL
);
CREATE INDEX IF NOT EXISTS alias_by_key ON espalier.alias (key);

CREATE TABLE IF NOT EXISTS espalier.component (
  key text NOT NULL,
  name text NOT NULL,
  revision bigint NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (key, name)
) WITH (fillfactor = 70);

CREATE TABLE IF NOT EXISTS espalier.ended (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL,
  reason text NOT NULL,
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS ended_by_transaction ON espalier.ended (transaction);

CREATE TABLE IF NOT EXISTS espalier.kept (
  key text PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY,
  reason text NOT NULL,
  ended_at double precision NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at double precision NOT NULL DEFAULT 0,
  is_parked boolean NOT NULL DEFAULT false,
  session json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS kept_by_place ON espalier.kept (place) WHERE NOT is_parked;
CREATE INDEX IF NOT EXISTS kept_parked ON espalier.kept (place) WHERE is_parked;

-- What 0.1.0 did not have. Nothing of it makes a table be written anew, and none of it is in the way of a process of that release.
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS issued_at double precision;
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS is_waiting boolean NOT NULL DEFAULT false;
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS begun bigint;
ALTER TABLE espalier.session ALTER COLUMN begun SET DEFAULT nextval('espalier.revision');
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS is_remembered boolean NOT NULL DEFAULT false;
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS device text;
CREATE INDEX IF NOT EXISTS session_by_sign_in ON espalier.session (hashtextextended("user", 0), sign_in) WHERE "user" IS NOT NULL;

ALTER TABLE espalier.alias ADD COLUMN IF NOT EXISTS issued_at double precision;
ALTER TABLE espalier.alias ADD COLUMN IF NOT EXISTS grace double precision;
ALTER TABLE espalier.alias ADD COLUMN IF NOT EXISTS place bigint;
-- Of what was there before nobody knows when it was seen: it goes as it went there.
ALTER TABLE espalier.alias ADD COLUMN IF NOT EXISTS seen_at double precision DEFAULT 0;
ALTER TABLE espalier.session ADD COLUMN IF NOT EXISTS uid_seen_at double precision DEFAULT 0;

-- What 0.1.0 had, and nothing needs: whoever ends a session takes out what belongs to it, and whoever writes holds it meanwhile.
ALTER TABLE espalier.alias DROP CONSTRAINT IF EXISTS alias_key_fkey;
ALTER TABLE espalier.component DROP CONSTRAINT IF EXISTS component_key_fkey;
DROP INDEX IF EXISTS espalier.ended_by_time;

CREATE TABLE IF NOT EXISTS espalier.former (
  uid text PRIMARY KEY,
  key text NOT NULL,
  until double precision NOT NULL,
  forget_at double precision NOT NULL
);
CREATE INDEX IF NOT EXISTS former_by_time ON espalier.former (forget_at);

-- What ends makes room for what begins: of a million sessions a fifth would have gone, and with them the log, before it is looked for.
ALTER TABLE espalier.session SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.1);
ALTER TABLE espalier.component SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.1);
ALTER TABLE espalier.alias SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE espalier.former SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE espalier.ended SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE espalier.kept SET (autovacuum_vacuum_scale_factor = 0.02);

DO $body$
DECLARE
  granted record;
BEGIN
  -- Who may use the sessions may use these.
  FOR granted IN SELECT DISTINCT grantee FROM pg_class, aclexplode(relacl)
    WHERE pg_class.oid = 'espalier.session'::regclass AND grantee <> relowner
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON espalier.former TO '
      || CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END;
  END LOOP;
END
$body$;
