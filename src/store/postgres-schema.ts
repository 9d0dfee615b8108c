import {EspalierError} from '../errors.ts';
import {functions, schemaRelease, schemaVersion} from './postgres-functions.ts';

// The lock keeps those who make the same schema at the same moment from each other's way.
const prelude = `BEGIN;
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock(hashtextextended('@ schema', 0));
SET LOCAL statement_timeout = 0;
DO $body$
BEGIN
  IF to_regnamespace('@') IS NULL THEN
    CREATE SCHEMA @;
  END IF;
  IF to_regclass('@.state') IS NOT NULL THEN
    IF (SELECT version FROM @.state) > ${schemaVersion} THEN
      RAISE EXCEPTION 'The schema @ was made by a later release.';
    END IF;
  END IF;
  IF to_regprocedure('@.release()') IS NOT NULL THEN
    IF @.release() > ${schemaRelease} THEN
      RAISE EXCEPTION 'The schema @ was made by a later release.';
    END IF;
  END IF;
END
$body$;`;

/*
 * A session's deadline moves whenever it is seen, so it has no index: its row then changes in place. What is indexed is when
 * the sweep looks at it next, which is the deadline or earlier; if it has moved on by then, so does that.
 */
const tables = `CREATE TABLE IF NOT EXISTS @.state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version integer NOT NULL,
  keep_until double precision NOT NULL DEFAULT 0
);

CREATE SEQUENCE IF NOT EXISTS @.revision;
CREATE SEQUENCE IF NOT EXISTS @.sign_in;

CREATE TABLE IF NOT EXISTS @.session (
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
CREATE INDEX IF NOT EXISTS session_by_look ON @.session (look_at);

CREATE TABLE IF NOT EXISTS @.alias (
  uid text PRIMARY KEY,
  key text NOT NULL REFERENCES @.session ON DELETE CASCADE,
  until double precision NOT NULL
);
CREATE INDEX IF NOT EXISTS alias_by_key ON @.alias (key);

CREATE TABLE IF NOT EXISTS @.component (
  key text NOT NULL REFERENCES @.session ON DELETE CASCADE,
  name text NOT NULL,
  revision bigint NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (key, name)
) WITH (fillfactor = 70);

CREATE TABLE IF NOT EXISTS @.ended (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL,
  reason text NOT NULL,
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS ended_by_transaction ON @.ended (transaction);
CREATE INDEX IF NOT EXISTS ended_by_time ON @.ended (noted_at);

CREATE TABLE IF NOT EXISTS @.kept (
  key text PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY,
  reason text NOT NULL,
  ended_at double precision NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at double precision NOT NULL DEFAULT 0,
  is_parked boolean NOT NULL DEFAULT false,
  session json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS kept_by_place ON @.kept (place) WHERE NOT is_parked;
CREATE INDEX IF NOT EXISTS kept_parked ON @.kept (place) WHERE is_parked;`;

/*
 * What 0.1.0 did not have. Nothing of it makes a table be written anew, and none of it is in the way of a process of that release.
 */
const additions = `ALTER TABLE @.session ADD COLUMN IF NOT EXISTS issued_at double precision;
ALTER TABLE @.session ADD COLUMN IF NOT EXISTS is_waiting boolean NOT NULL DEFAULT false;
ALTER TABLE @.session ADD COLUMN IF NOT EXISTS begun bigint;
ALTER TABLE @.session ALTER COLUMN begun SET DEFAULT nextval('@.revision');
ALTER TABLE @.session ADD COLUMN IF NOT EXISTS is_remembered boolean NOT NULL DEFAULT false;
CREATE INDEX IF NOT EXISTS session_by_sign_in ON @.session (hashtextextended("user", 0), sign_in) WHERE "user" IS NOT NULL;

ALTER TABLE @.alias ADD COLUMN IF NOT EXISTS issued_at double precision;
ALTER TABLE @.alias ADD COLUMN IF NOT EXISTS grace double precision;
ALTER TABLE @.alias ADD COLUMN IF NOT EXISTS place bigint;
-- Of what was there before nobody knows when it was seen: it goes as it went there.
ALTER TABLE @.alias ADD COLUMN IF NOT EXISTS seen_at double precision DEFAULT 0;
ALTER TABLE @.session ADD COLUMN IF NOT EXISTS uid_seen_at double precision DEFAULT 0;

CREATE TABLE IF NOT EXISTS @.former (
  uid text PRIMARY KEY,
  key text NOT NULL,
  until double precision NOT NULL,
  forget_at double precision NOT NULL
);
CREATE INDEX IF NOT EXISTS former_by_time ON @.former (forget_at);

DO $body$
DECLARE
  granted record;
BEGIN
  -- Who may use the sessions may use these.
  FOR granted IN SELECT DISTINCT grantee FROM pg_class, aclexplode(relacl)
    WHERE pg_class.oid = '@.session'::regclass AND grantee <> relowner
  LOOP
    EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON @.former TO '
      || CASE WHEN granted.grantee = 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END;
  END LOOP;
END
$body$;`;

/** What the tables are called. */
export const tableNames = [...(tables + additions).matchAll(/^CREATE TABLE IF NOT EXISTS @\.(\w+)/gm)].map(
  ([, name]) => name!,
);

const finish = `INSERT INTO @.state (version) VALUES (${schemaVersion}) ON CONFLICT DO NOTHING;
COMMIT;
`;

/** See that a schema's name is a plain word. */
export function checkSchema(schema: string): void {
  if (/^(?!pg_)[A-Za-z_]\w{0,62}$/.test(schema)) return;
  throw new EspalierError(
    'OPTION_INVALID',
    `The PostgreSQL store's schema is ${JSON.stringify(schema)}. It must be a word of letters, digits and _, 63 at most.`,
  );
}

/**
 * The statements that make a schema of that name, a plain word, with all that sessions need in it: one transaction, which
 * may be run again, and by several at once.
 */
export function schemaSql(schema: string): string {
  checkSchema(schema);
  return [prelude, tables, additions, functions, finish].join('\n\n').replaceAll('@', `"${schema}"`);
}
