import {EspalierError} from '../errors.ts';
import {furthestBehind} from '../session/store/lifetime.ts';
import {leavesFormerIds} from '../session/store/ids.ts';
import {endReasons, formerIdsFor, mostIds, mostReplaced} from '../session/store/contract.ts';
import {text as functions} from './postgres-functions.sql.ts';
import {text as tables} from './postgres-tables.sql.ts';

/** Which making of the tables it is. One that an earlier release can do nothing with has a higher number. */
export const schemaVersion = 1;

/**
 * How far tables and functions of this version have come; 0.1.0 has no number for it. Those of one version know each other: what an
 * earlier release calls stays as it is. So processes of several releases share a schema.
 */
export const schemaRelease = 5;

/** What is raised for a call that comes when nobody waits for its answer any more. Nothing of it is done. */
export const tooLate = 'ESP01';

/** The constants that the functions know, each as a function of this name. */
const constants = {
  version: schemaVersion,
  release: schemaRelease,
  furthest_behind: furthestBehind,
  former_ids_for: formerIdsFor,
  most_ids: mostIds,
  most_replaced: mostReplaced,
  leaving_reasons: endReasons.filter(leavesFormerIds),
};

// The lock keeps those who make the same schema at the same moment from each other's way.
const prelude = `BEGIN;
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock(hashtextextended('espalier schema', 0));
SET LOCAL statement_timeout = 0;
DO $body$
BEGIN
  IF to_regnamespace('espalier') IS NULL THEN
    CREATE SCHEMA espalier;
  END IF;
  IF to_regclass('espalier.state') IS NOT NULL THEN
    IF (SELECT version FROM espalier.state) > ${schemaVersion} THEN
      RAISE EXCEPTION 'The schema espalier was made by a later release.';
    END IF;
  END IF;
  IF to_regprocedure('espalier.release()') IS NOT NULL THEN
    IF espalier.release() > ${schemaRelease} THEN
      RAISE EXCEPTION 'The schema espalier was made by a later release.';
    END IF;
  END IF;
END
$body$;`;

const finish = `INSERT INTO espalier.state (version) VALUES (espalier.version()) ON CONFLICT DO NOTHING;
COMMIT;
`;

/** What the tables are called. */
export const tableNames = [...tables.matchAll(/^CREATE TABLE IF NOT EXISTS espalier\.(\w+)/gm)].map(
  ([, name]) => name!,
);

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
  const known = Object.entries(constants).map(([name, value]) => constantSql(name, value));
  return [prelude, ...known, tables, functions, finish].join('\n').replaceAll(/\bespalier\b/g, `"${schema}"`);
}

function constantSql(name: string, value: number | readonly string[]): string {
  const [type, written] =
    typeof value === 'number' ? ['integer', value] : ['text[]', `ARRAY[${value.map(one => `'${one}'`).join(', ')}]`];
  return `CREATE OR REPLACE FUNCTION espalier.${name}() RETURNS ${type} LANGUAGE sql IMMUTABLE AS $body$ SELECT ${written} $body$;`;
}
