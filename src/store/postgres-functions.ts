import {furthestBehind} from '../session/store/lifetime.ts';
import {leavesFormerIds} from '../session/store/ids.ts';
import {endReasons, formerIdsFor, mostIds, mostReplaced} from '../session/store/contract.ts';

/*
 * One function for each call of the contract, so that each is one round trip and one transaction. In plpgsql a statement sees
 * all that was committed before that statement; so each function first locks what it changes, and only then asks for the
 * time and looks. Locks are taken in one order: the user, then sessions. `@` stands for the schema.
 */

/** The sessions of `this_user`. A name may be longer than an index has room for, so that has its hash. */
const ofUser = `hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user`;

/** Whether being seen `at` that moment is worth a write: the rule is that of src/session/store/lifetime.ts, told once more. */
const gainsEnough = `at - last_seen_at > least(idle_timeout / 20, ${furthestBehind})`;

/** The reasons of those ends after which the uids are remembered. */
const leaving = endReasons
  .filter(leavesFormerIds)
  .map(reason => `'${reason}'`)
  .join(', ');

/**
 * Plans are kept: one that was made while a table was empty would go on reading all of it for a while when it is full; and one
 * that was made while a user had few sessions would go on reading and sorting all of them for each page.
 */
const indexed = 'SET enable_seqscan = off SET enable_bitmapscan = off';

/** Waiting for another's lock ends before the caller does; nothing was done then. */
const careful = `SET lock_timeout = 1500 ${indexed}`;

/** Which making of the tables it is. One that an earlier release can do nothing with has a higher number. */
export const schemaVersion = 1;

/** How far tables and functions of this version have come; 0.1.0 has no number for it. */
export const schemaRelease = 4;

/** What is raised for a call that comes when nobody waits for its answer any more. Nothing of it is done. */
export const tooLate = 'ESP01';

/** What is answered to a call of several that was left out, as it would have waited for a lock. */
export const leftOut = 'left out';

// `as_record` is stable, so that it sees just what the statement sees that asks for it: no session without its components.
const helpers = `CREATE OR REPLACE FUNCTION @.moment(given double precision) RETURNS double precision LANGUAGE sql VOLATILE AS
$body$ SELECT coalesce(given, floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision) $body$;

CREATE OR REPLACE FUNCTION @.is_in_time(until double precision) RETURNS boolean
LANGUAGE plpgsql AS $body$
BEGIN
  -- A server that takes no writes is not read from either: what it holds may have ended elsewhere.
  IF current_setting('transaction_read_only')::boolean THEN
    RAISE read_only_sql_transaction;
  ELSIF @.moment(NULL) > until THEN
    RAISE EXCEPTION 'The call came too late.' USING ERRCODE = '${tooLate}';
  END IF;
  RETURN true;
END
$body$;

CREATE OR REPLACE FUNCTION @.as_record(held @.session, at double precision, names text[]) RETURNS json
LANGUAGE plpgsql STABLE AS $body$
BEGIN
  -- Without names with all components.
  RETURN json_build_object(
    'key', held.key, 'uid', held.uid, 'isSecure', held.is_secure,
    'idleTimeout', held.idle_timeout, 'absoluteTimeout', held.absolute_timeout,
    'createdAt', held.created_at, 'lastSeenAt', held.last_seen_at,
    'user', held."user", 'authenticatedAt', held.authenticated_at, 'isRemembered', held.is_remembered,
    'components', (
      SELECT coalesce(json_agg(json_build_array(name, revision, text)), '[]')
      FROM @.component WHERE component.key = held.key AND (names IS NULL OR name = ANY (names))
    ),
    'now', at
  );
END
$body$;

CREATE OR REPLACE FUNCTION @.as_record(held @.session, at double precision) RETURNS json LANGUAGE sql STABLE AS $body$
  SELECT @.as_record(held, at, NULL)
$body$;

-- Calls are as of a sign-in, by its moment; 0 for none. Without one they are for the session whoever has signed in.
CREATE OR REPLACE FUNCTION @.is_as_of(held @.session, as_of double precision) RETURNS boolean LANGUAGE sql IMMUTABLE AS $body$
  SELECT as_of IS NULL OR as_of = coalesce(held.authenticated_at, 0)
$body$;

CREATE OR REPLACE FUNCTION @.remember(this_uid text, its_key text, its_until double precision, at double precision) RETURNS void
LANGUAGE sql VOLATILE AS $body$
  INSERT INTO @.former VALUES (this_uid, its_key, its_until, greatest(its_until, at) + ${formerIdsFor})
  ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, forget_at = excluded.forget_at
$body$;

CREATE OR REPLACE FUNCTION @.former_id(this_uid text, at double precision) RETURNS json
LANGUAGE sql STABLE AS $body$
  SELECT json_build_object('isFormer', true, 'key', key, 'until', until, 'now', at) FROM (
    SELECT key, until FROM @.alias WHERE uid = this_uid AND until <= at AND until + ${formerIdsFor} > at
    UNION ALL SELECT key, until FROM @.former WHERE uid = this_uid AND forget_at > at
  ) AS known LIMIT 1
$body$;

CREATE OR REPLACE FUNCTION @.timeout_reason(held @.session) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN held.last_seen_at + held.idle_timeout
    < coalesce(held.authenticated_at, held.created_at) + held.absolute_timeout THEN 'idle' ELSE 'absolute' END
$body$;

CREATE OR REPLACE FUNCTION @.conclude(these_keys text[], why text, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  -- Whoever calls has locked these sessions. Without a why each ends by its timeout.
  IF (SELECT keep_until FROM @.state WHERE one) > at THEN
    INSERT INTO @.kept (key, reason, ended_at, session)
    SELECT key, coalesce(why, @.timeout_reason(session)), at, @.as_record(session, at)
    FROM @.session WHERE key = ANY (these_keys) ORDER BY deadline, key
    ON CONFLICT (key) DO UPDATE SET place = DEFAULT, reason = excluded.reason, ended_at = excluded.ended_at,
      attempts = 0, due_at = 0, is_parked = false, session = excluded.session;
  END IF;
  -- What was on its way when somebody ended it is to know that it came from there.
  IF why IN (${leaving}) THEN
    INSERT INTO @.former
    SELECT DISTINCT ON (uid) uid, key, least(until, at), at + ${formerIdsFor} FROM (
      SELECT uid, key, at AS until FROM @.session WHERE key = ANY (these_keys)
      UNION ALL SELECT uid, key, until FROM @.alias WHERE key = ANY (these_keys)
    ) AS id ORDER BY uid, until DESC
    ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, forget_at = excluded.forget_at;
  END IF;
  INSERT INTO @.ended (key, reason)
  SELECT key, coalesce(why, @.timeout_reason(session)) FROM @.session WHERE key = ANY (these_keys) ORDER BY deadline, key;
  DELETE FROM @.session WHERE key = ANY (these_keys);
END
$body$;

CREATE OR REPLACE FUNCTION @.bury(these_keys text[], given double precision) RETURNS void
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision;
  dead text[];
BEGIN
  -- Who is told that a session is gone by its deadline ends it, so that it is gone for those too whose clocks are behind.
  PERFORM FROM @.session WHERE key = ANY (these_keys) ORDER BY key FOR UPDATE;
  at := @.moment(given);
  SELECT array_agg(key) INTO dead FROM @.session WHERE key = ANY (these_keys) AND deadline <= at;
  PERFORM @.conclude(dead, NULL, at);
END
$body$;`;

const sights = `CREATE OR REPLACE FUNCTION @.seen(this_key text, as_of double precision, given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM FROM @.session WHERE key = this_key FOR NO KEY UPDATE;
  at := @.moment(given);
  UPDATE @.session SET last_seen_at = at
  WHERE key = this_key AND deadline > at AND ${gainsEnough} AND @.is_as_of(session, as_of);
  RETURN @.alive(this_key, as_of, at);
END
$body$;

CREATE OR REPLACE FUNCTION @.alive(this_key text, as_of double precision, at double precision) RETURNS json
LANGUAGE plpgsql AS $body$
DECLARE
  is_over boolean;
  answer json;
BEGIN
  SELECT deadline <= at, CASE WHEN @.is_as_of(session, as_of) THEN @.as_record(session, at) END INTO is_over, answer
  FROM @.session WHERE key = this_key;
  IF is_over THEN
    PERFORM @.bury(ARRAY[this_key], at);
    RETURN NULL;
  END IF;
  RETURN answer;
END
$body$;

-- The rule is that of src/session/store/ids.ts, told once more. A request has come with a uid: whether that changes any of them.
CREATE OR REPLACE FUNCTION @.is_news(held @.session, this_uid text, at double precision) RETURNS boolean LANGUAGE sql STABLE AS $body$
  SELECT (held.uid = this_uid AND held.uid_seen_at IS NULL) OR EXISTS (
    SELECT FROM @.alias LEFT JOIN @.alias AS its ON its.uid = this_uid AND held.uid <> this_uid
    WHERE alias.key = held.key AND (
      alias.uid = this_uid AND (alias.seen_at IS NULL OR alias.seen_at > 0 AND alias.until < 'Infinity')
      OR (held.uid = this_uid OR alias.place < its.place)
        AND alias.until = 'Infinity' AND coalesce(alias.seen_at, 0) + alias.grace <= at
    )
  )
$body$;

-- Whether a request that comes with one of them may change any.
CREATE OR REPLACE FUNCTION @.is_open(this_key text) RETURNS boolean LANGUAGE sql STABLE AS $body$
  SELECT EXISTS (SELECT FROM @.alias WHERE key = this_key AND (until = 'Infinity' OR seen_at IS DISTINCT FROM 0))
$body$;

CREATE OR REPLACE FUNCTION @.sight(this_key text, this_uid text, given double precision) RETURNS void
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision;
  newest text;
  its_place bigint;
BEGIN
  SELECT uid INTO newest FROM @.session WHERE key = this_key FOR NO KEY UPDATE;
  at := @.moment(given);
  UPDATE @.alias SET until = 'Infinity', seen_at = at
  WHERE key = this_key AND uid = this_uid AND until > at
    AND (seen_at IS NULL OR seen_at > 0 AND until < 'Infinity') AND newest <> this_uid;
  SELECT place INTO its_place FROM @.alias WHERE key = this_key AND uid = this_uid AND until > at;
  UPDATE @.alias SET until = at + grace
  WHERE key = this_key AND until = 'Infinity' AND coalesce(seen_at, 0) + grace <= at AND (newest = this_uid OR place < its_place);
  UPDATE @.session SET is_waiting = @.is_open(this_key),
    uid_seen_at = CASE WHEN newest = this_uid THEN coalesce(uid_seen_at, at) ELSE uid_seen_at END
  WHERE key = this_key;
END
$body$;

CREATE OR REPLACE FUNCTION @.look_up(this_uid text, is_seen boolean, given double precision) RETURNS json
LANGUAGE plpgsql ${indexed} AS $body$
DECLARE
  at double precision := @.moment(given);
  found_key text;
  is_over boolean;
  is_news boolean;
  is_worth_it boolean;
  answer json;
BEGIN
  SELECT key, deadline <= at, is_waiting AND @.is_news(session, this_uid, at),
    is_seen AND ${gainsEnough}, @.as_record(session, at)
  INTO found_key, is_over, is_news, is_worth_it, answer
  FROM @.session WHERE uid = this_uid;
  IF NOT FOUND THEN
    SELECT session.key, deadline <= at, is_waiting AND @.is_news(session, this_uid, at),
      is_seen AND ${gainsEnough}, @.as_record(session, at)
    INTO found_key, is_over, is_news, is_worth_it, answer
    FROM @.alias JOIN @.session USING (key) WHERE alias.uid = this_uid AND until > at;
  END IF;
  IF found_key IS NULL THEN
    RETURN @.former_id(this_uid, at);
  ELSIF is_over THEN
    PERFORM @.bury(ARRAY[found_key], given);
    RETURN @.look_up(this_uid, is_seen, given);
  END IF;
  IF is_news THEN
    PERFORM @.sight(found_key, this_uid, given);
  END IF;
  IF NOT is_worth_it THEN
    RETURN answer;
  END IF;
  -- While the row was waited for, somebody may have signed in to the session: then this uid is not its own any more.
  answer := @.seen(found_key, coalesce((answer->>'authenticatedAt')::double precision, 0), given);
  RETURN coalesce(answer, @.look_up(this_uid, false, given));
END
$body$;

CREATE OR REPLACE FUNCTION @.touch(this_key text, as_of double precision, given double precision) RETURNS json
LANGUAGE plpgsql ${indexed} AS $body$
DECLARE
  at double precision := @.moment(given);
  is_worth_it boolean;
  answer json;
BEGIN
  SELECT deadline <= at OR ${gainsEnough}, @.as_record(session, at) INTO is_worth_it, answer
  FROM @.session WHERE key = this_key AND @.is_as_of(session, as_of);
  RETURN CASE WHEN is_worth_it THEN @.seen(this_key, as_of, given) ELSE answer END;
END
$body$;

CREATE OR REPLACE FUNCTION @.set_idle_timeout(this_key text, new_timeout double precision, as_of double precision,
  given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM FROM @.session WHERE key = this_key FOR NO KEY UPDATE;
  at := @.moment(given);
  UPDATE @.session SET idle_timeout = new_timeout, last_seen_at = greatest(last_seen_at, at),
    look_at = least(look_at, greatest(last_seen_at, at) + new_timeout)
  WHERE key = this_key AND deadline > at AND @.is_as_of(session, as_of);
  RETURN @.alive(this_key, as_of, at);
END
$body$;`;

const births = `CREATE OR REPLACE FUNCTION @.vacate(this_uid text, given double precision) RETURNS void
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  holders text[];
BEGIN
  -- Whose key or uid this is, or was until a moment ago. Of these, what is past its deadline ends here.
  SELECT array_agg(key) INTO holders FROM (
    SELECT key FROM @.session WHERE key = this_uid
    UNION SELECT key FROM @.session WHERE uid = this_uid
    UNION SELECT key FROM @.alias WHERE uid = this_uid AND until > @.moment(given)
  ) AS holder;
  IF holders IS NULL THEN
    RETURN;
  END IF;
  PERFORM @.bury(holders, given);
  IF EXISTS (SELECT FROM @.session WHERE key = ANY (holders)) THEN
    RAISE unique_violation;
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION @.create(this_uid text, is_secure boolean, idle_timeout double precision, absolute_timeout double precision,
  given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM @.vacate(this_uid, given);
  at := @.moment(given);
  INSERT INTO @.session (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, look_at)
  VALUES (this_uid, this_uid, is_secure, idle_timeout, absolute_timeout, at, at, at + least(idle_timeout, absolute_timeout));
  RETURN (SELECT @.as_record(session, at) FROM @.session WHERE key = this_uid);
END
$body$;`;

// A writer shares the session with other writers, but not with who ends it: so an end has all that was written before it.
const writes = `CREATE OR REPLACE FUNCTION @.write(this_key text, this_name text, expected bigint, new_text text, as_of double precision,
  given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  its_deadline double precision;
  is_current boolean;
  there record;
  fresh bigint := 0;
BEGIN
  IF EXISTS (SELECT FROM @.session WHERE key = this_key AND deadline <= @.moment(given)) THEN
    PERFORM @.bury(ARRAY[this_key], given);
  END IF;
  SELECT deadline, @.is_as_of(session, as_of) INTO its_deadline, is_current FROM @.session WHERE key = this_key FOR KEY SHARE;
  IF its_deadline IS NULL THEN
    RETURN json_build_object('state', 'gone');
  ELSIF its_deadline <= @.moment(given) THEN
    -- Its deadline came in between. Who shares it can not end it: once more from the start.
    RAISE serialization_failure;
  ELSIF NOT is_current THEN
    RETURN json_build_object('state', 'superseded');
  END IF;
  IF new_text IS NOT NULL THEN
    fresh := nextval('@.revision');
  END IF;
  LOOP
    IF new_text IS NULL THEN
      DELETE FROM @.component WHERE key = this_key AND name = this_name AND revision = expected;
    ELSIF expected = 0 THEN
      INSERT INTO @.component VALUES (this_key, this_name, fresh, new_text) ON CONFLICT DO NOTHING;
    ELSE
      UPDATE @.component SET revision = fresh, text = new_text
      WHERE key = this_key AND name = this_name AND revision = expected;
    END IF;
    IF FOUND THEN
      RETURN json_build_object('state', 'written', 'revision', fresh);
    END IF;
    SELECT revision, text INTO there FROM @.component WHERE key = this_key AND name = this_name;
    IF coalesce(there.revision, 0) <> expected THEN
      RETURN json_build_object('state', 'conflict', 'current', CASE WHEN there.revision IS NOT NULL
        THEN json_build_object('revision', there.revision, 'text', there.text) END);
    ELSIF new_text IS NULL THEN
      RETURN json_build_object('state', 'written', 'revision', 0);
    END IF;
    -- It has come to be as expected since it was tried.
  END LOOP;
END
$body$;`;

/*
 * Locks are always taken in this order: the user, then sessions. The sign-ins of a user who may have so many sessions happen one
 * after another, and none while all are ended; those of others keep nobody waiting.
 */
const renewals = `CREATE OR REPLACE FUNCTION @.hold_user(this_user text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('@ ' || this_user, 0));
END
$body$;

CREATE OR REPLACE FUNCTION @.share_user(this_user text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('@ ' || this_user, 0));
END
$body$;

-- A session has its uid, the newest, and those of before as aliases: those that wait for a later one to be seen without an end.
CREATE OR REPLACE FUNCTION @.give_further_uid(held @.session, from_uid text, new_uid text, new_grace double precision,
  is_unsent boolean, at double precision) RETURNS boolean
LANGUAGE plpgsql AS $body$
DECLARE
  is_newest boolean := held.uid = from_uid;
  -- Who signs in again comes with one that finds the session no more.
  is_again boolean := NOT is_newest AND NOT EXISTS (SELECT FROM @.alias WHERE uid = from_uid AND key = held.key AND until > at);
  is_kept boolean := NOT (is_newest AND is_unsent);
  surplus @.alias;
  ids integer;
BEGIN
  SELECT count(*) INTO ids FROM @.alias WHERE key = held.key AND until > at AND NOT (is_unsent AND uid = from_uid);
  IF ids + is_kept::integer >= ${mostIds} THEN
    SELECT * INTO surplus FROM @.alias WHERE key = held.key AND until > at AND uid <> from_uid
    ORDER BY is_again AND seen_at IS NULL DESC, place NULLS FIRST LIMIT 1;
    IF NOT is_again AND NOT is_newest AND at < surplus.issued_at + new_grace THEN
      RETURN false;
    END IF;
    PERFORM @.remember(surplus.uid, held.key, CASE WHEN is_again THEN at + new_grace ELSE at END, at);
    DELETE FROM @.alias WHERE uid = surplus.uid;
  END IF;
  PERFORM @.vacate(new_uid, at);
  DELETE FROM @.alias WHERE is_unsent AND key = held.key AND uid = from_uid AND until > at;
  PERFORM @.remember(uid, key, until, at) FROM @.alias WHERE key = held.key AND until <= at;
  DELETE FROM @.alias WHERE key = held.key AND until <= at;
  UPDATE @.alias SET grace = new_grace WHERE key = held.key AND until = 'Infinity';
  IF is_kept THEN
    INSERT INTO @.alias (uid, key, until, issued_at, grace, place, seen_at)
    VALUES (held.uid, held.key, 'Infinity', coalesce(held.issued_at, held.created_at), new_grace, nextval('@.revision'),
      held.uid_seen_at)
    ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, issued_at = excluded.issued_at,
      grace = excluded.grace, place = excluded.place, seen_at = excluded.seen_at;
  END IF;
  UPDATE @.alias SET seen_at = 0 WHERE key = held.key AND uid = from_uid;
  UPDATE @.session SET uid = new_uid, issued_at = at, uid_seen_at = NULL, is_waiting = @.is_open(held.key) WHERE key = held.key;
  RETURN true;
END
$body$;

-- From now on it lasts for so long, which may be less.
CREATE OR REPLACE FUNCTION @.last(this_key text, idle double precision, absolute double precision, remembered boolean,
  at double precision) RETURNS void
LANGUAGE sql VOLATILE AS $body$
  UPDATE @.session SET idle_timeout = idle, absolute_timeout = absolute, is_remembered = remembered,
    last_seen_at = greatest(last_seen_at, at), look_at = least(look_at, at + least(idle, absolute))
  WHERE key = this_key
$body$;

CREATE OR REPLACE FUNCTION @.sign_in(held @.session, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM @.vacate(new_uid, at);
  PERFORM @.remember(uid, held.key, CASE WHEN until > at THEN at + grace ELSE until END, at)
  FROM (SELECT held.uid, 'Infinity'::double precision AS until UNION ALL SELECT uid, until FROM @.alias WHERE key = held.key) AS id
  WHERE NOT (is_unsent AND uid = from_uid);
  DELETE FROM @.alias WHERE key = held.key;
  UPDATE @.session SET uid = new_uid, issued_at = at, uid_seen_at = NULL, is_waiting = false, "user" = this_user, sign_in = nextval('@.sign_in'),
    authenticated_at = greatest(at, coalesce(authenticated_at + 1, created_at))
  WHERE key = held.key;
  IF allowed < 'Infinity' THEN
    PERFORM @.replace_surplus(this_user, allowed::bigint, at);
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION @.replace_surplus(this_user text, allowed bigint, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  last_surplus bigint;
  surplus text[];
BEGIN
  SELECT sign_in INTO last_surplus FROM @.session WHERE ${ofUser} AND deadline > at
  ORDER BY sign_in DESC OFFSET allowed LIMIT 1;
  IF last_surplus IS NULL THEN
    RETURN;
  END IF;
  surplus := ARRAY(
    SELECT key FROM @.session WHERE ${ofUser} AND sign_in <= last_surplus AND deadline > at ORDER BY sign_in LIMIT ${mostReplaced}
  );
  PERFORM FROM @.session WHERE key = ANY (surplus) ORDER BY key FOR UPDATE;
  PERFORM @.conclude(surplus, 'replaced', at);
END
$body$;

CREATE OR REPLACE FUNCTION @.renew(this_key text, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, idle double precision, absolute double precision, remembered boolean,
  given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  held @.session;
  known json;
  at double precision;
BEGIN
  IF allowed < 'Infinity' THEN
    PERFORM @.hold_user(this_user);
  ELSIF this_user IS NOT NULL THEN
    PERFORM @.share_user(this_user);
  END IF;
  SELECT * INTO held FROM @.session WHERE key = this_key FOR UPDATE;
  at := @.moment(given);
  IF held.key IS NULL THEN
    RETURN NULL;
  ELSIF held.deadline <= at THEN
    PERFORM @.conclude(ARRAY[this_key], NULL, at);
    RETURN NULL;
  END IF;
  IF held.uid <> from_uid AND NOT EXISTS (
    SELECT FROM @.alias WHERE uid = from_uid AND key = this_key AND until > at
  ) THEN
    known := coalesce(@.former_id(from_uid, at),
      json_build_object('isFormer', true, 'key', this_key, 'until', at, 'now', at));
    -- By a uid of before a sign-in the same user gets a further one: the answer may have been lost.
    IF known->>'key' = this_key AND held."user" = this_user AND at < (known->>'until')::double precision THEN
      PERFORM @.give_further_uid(held, from_uid, new_uid, grace, is_unsent, at);
      RETURN @.seen(this_key, NULL, at);
    END IF;
    RETURN known;
  ELSIF held."user" <> this_user THEN
    RETURN @.as_record(held, at);
  END IF;
  IF this_user IS NULL THEN
    PERFORM @.give_further_uid(held, from_uid, new_uid, grace, is_unsent, at);
  ELSE
    PERFORM @.sign_in(held, from_uid, new_uid, grace, is_unsent, this_user, allowed, at);
    IF idle IS NOT NULL THEN
      PERFORM @.last(this_key, idle, absolute, remembered, at);
    END IF;
  END IF;
  RETURN @.seen(this_key, NULL, at);
END
$body$;`;

const ends = `CREATE OR REPLACE FUNCTION @."end"(this_key text, why text, as_of double precision, given double precision) RETURNS boolean
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  its_deadline double precision;
  is_current boolean;
  at double precision;
BEGIN
  SELECT deadline, @.is_as_of(session, as_of) INTO its_deadline, is_current FROM @.session WHERE key = this_key FOR UPDATE;
  at := @.moment(given);
  IF its_deadline IS NULL OR its_deadline > at AND NOT is_current THEN
    RETURN false;
  END IF;
  PERFORM @.conclude(ARRAY[this_key], CASE WHEN its_deadline > at THEN why END, at);
  RETURN its_deadline > at;
END
$body$;

CREATE OR REPLACE FUNCTION @.end_these(these_keys text[], why text, given double precision) RETURNS integer
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  dead text[];
  ending text[];
  at double precision;
BEGIN
  PERFORM FROM @.session WHERE key = ANY (these_keys) ORDER BY key FOR UPDATE;
  at := @.moment(given);
  SELECT array_agg(key) FILTER (WHERE deadline <= at), array_agg(key) FILTER (WHERE deadline > at) INTO dead, ending
  FROM @.session WHERE key = ANY (these_keys);
  PERFORM @.conclude(dead, NULL, at);
  PERFORM @.conclude(ending, why, at);
  RETURN coalesce(cardinality(ending), 0);
END
$body$;`;

/*
 * Calls of one turn, in one transaction. None of them waits for a lock, which would hold up the others, nor for another of such calls:
 * those whose session is locked are left out, and are made by themselves.
 */
const turns = `CREATE OR REPLACE FUNCTION @.find_all(uids text[], are_seen boolean[], given double precision) RETURNS SETOF text
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision := @.moment(given);
  answers text[];
  unanswered text[];
  locked text[];
BEGIN
  SELECT array_agg(CASE WHEN deadline > at AND NOT (is_waiting AND @.is_news(session, call.uid, at))
    AND NOT (is_seen AND ${gainsEnough}) THEN @.as_record(session, at)::text END ORDER BY place)
  INTO answers FROM unnest(uids, are_seen) WITH ORDINALITY AS call (uid, is_seen, place) LEFT JOIN @.session USING (uid);
  FOR i IN 1 .. cardinality(uids) LOOP
    IF answers[i] IS NULL THEN
      unanswered := unanswered || uids[i];
    END IF;
  END LOOP;
  IF unanswered IS NOT NULL THEN
    locked := @.locked(ARRAY(
      SELECT key FROM @.session WHERE uid = ANY (unanswered) UNION ALL SELECT key FROM @.alias WHERE uid = ANY (unanswered)
    ));
  END IF;
  FOR i IN 1 .. cardinality(uids) LOOP
    IF answers[i] IS NULL THEN
      IF locked IS NULL OR NOT EXISTS (
        SELECT FROM @.session WHERE uid = uids[i] AND key = ANY (locked)
        UNION ALL SELECT FROM @.alias WHERE uid = uids[i] AND key = ANY (locked)
      ) THEN
        answers[i] := @.look_up(uids[i], are_seen[i], given)::text;
      ELSE
        answers[i] := '${leftOut}';
      END IF;
    END IF;
    RETURN NEXT answers[i];
  END LOOP;
END
$body$;

-- Those of the sessions that somebody else has locked. The others are locked from now on.
CREATE OR REPLACE FUNCTION @.locked(these_keys text[]) RETURNS text[] LANGUAGE plpgsql ${indexed} AS $body$
DECLARE
  held text[] := ARRAY(SELECT key FROM @.session WHERE key = ANY (these_keys) FOR UPDATE SKIP LOCKED);
BEGIN
  RETURN ARRAY(SELECT key FROM @.session WHERE key = ANY (these_keys) AND key <> ALL (held));
END
$body$;

CREATE OR REPLACE FUNCTION @.change_all(calls json, given double precision) RETURNS SETOF text
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  call record;
  locked text[] := @.locked(ARRAY(SELECT key FROM json_to_recordset(calls) AS call (key text)));
BEGIN
  FOR call IN SELECT * FROM json_to_recordset(calls) AS call (act text, key text, "isSecure" boolean, "idleTimeout" double precision,
    "absoluteTimeout" double precision, name text, expected bigint, text text, reason text, "asOf" double precision) LOOP
    IF call.key = ANY (locked) THEN
      RETURN NEXT '${leftOut}';
    ELSIF call.act = 'create' THEN
      RETURN NEXT @.create(call.key, call."isSecure", call."idleTimeout", call."absoluteTimeout", given)::text;
    ELSIF call.act = 'write' THEN
      RETURN NEXT @.write(call.key, call.name, call.expected, call.text, call."asOf", given)::text;
    ELSE
      RETURN NEXT @."end"(call.key, call.reason, call."asOf", given)::text;
    END IF;
  END LOOP;
END
$body$;`;

// Page after page. What comes after the first is not waited for; a mark says where to go on, and where that was.
const users = `CREATE OR REPLACE FUNCTION @.list(this_user text, most integer, names text[], after text, given double precision) RETURNS json
LANGUAGE plpgsql ${indexed} AS $body$
DECLARE
  at double precision := @.moment(given);
  dead text[];
  read integer;
  last bigint;
  records json;
BEGIN
  SELECT array_agg((held).key) FILTER (WHERE (held).deadline <= at), count(*), max((held).sign_in),
    json_agg(@.as_record(held, at, names) ORDER BY (held).sign_in) FILTER (WHERE (held).deadline > at)
  INTO dead, read, last, records FROM (
    SELECT session AS held FROM @.session WHERE ${ofUser} AND sign_in > coalesce(after, '0')::bigint ORDER BY sign_in LIMIT most
  ) AS page;
  IF dead IS NOT NULL THEN
    PERFORM @.bury(dead, given);
  END IF;
  RETURN json_build_object('records', coalesce(records, '[]'), 'next', CASE WHEN read = most THEN last::text END);
END
$body$;

CREATE OR REPLACE FUNCTION @.end_all(this_user text, why text, except_key text, most integer, after text, given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  first bigint := coalesce(split_part(after, ' ', 1), '0');
  last bigint := split_part(after, ' ', 2);
  page text[];
  read integer;
BEGIN
  PERFORM @.hold_user(this_user);
  IF last IS NULL THEN
    SELECT sign_in INTO last FROM @.session WHERE ${ofUser} ORDER BY sign_in DESC LIMIT 1;
  END IF;
  SELECT array_agg(key), count(*), max(sign_in) INTO page, read, first FROM (
    SELECT key, sign_in FROM @.session WHERE ${ofUser} AND sign_in > first AND sign_in <= last ORDER BY sign_in LIMIT most
  ) AS found;
  RETURN json_build_object('count', @.end_these(array_remove(page, except_key), why, given),
    'next', CASE WHEN read = most THEN first || ' ' || last END);
END
$body$;

CREATE OR REPLACE FUNCTION @.end_everyone(why text, most integer, after text, given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  latest bigint := coalesce(split_part(after, ' ', 1)::bigint, nextval('@.revision'));
  first text := coalesce(substr(after, strpos(after, ' ') + 1), '');
  page text[];
  read integer;
BEGIN
  SELECT array_agg(key) FILTER (WHERE coalesce(begun < latest, true)), count(*), max(key) INTO page, read, first FROM (
    SELECT key, begun FROM @.session WHERE key > first ORDER BY key LIMIT most
  ) AS found;
  RETURN json_build_object('count', @.end_these(page, why, given),
    'next', CASE WHEN read = most THEN latest || ' ' || first END);
END
$body$;`;

// Skips what others hold: any number of processes sweep at once and never wait for each other.
const sweeps = `CREATE OR REPLACE FUNCTION @.sweep(most integer, given double precision) RETURNS integer
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision := @.moment(given);
  looked_at text[];
  ending text[];
BEGIN
  DELETE FROM @.ended WHERE id = ANY (ARRAY(
    SELECT id FROM @.ended WHERE noted_at < clock_timestamp() - interval '1 minute'
    ORDER BY noted_at LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
  DELETE FROM @.former WHERE uid = ANY (ARRAY(
    SELECT uid FROM @.former WHERE forget_at <= at ORDER BY forget_at LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
  looked_at := ARRAY(
    SELECT key FROM @.session WHERE look_at <= at ORDER BY look_at LIMIT most FOR UPDATE SKIP LOCKED
  );
  IF cardinality(looked_at) > 0 THEN
    UPDATE @.session SET look_at = deadline WHERE key = ANY (looked_at) AND deadline > at;
    SELECT array_agg(key) INTO ending FROM @.session WHERE key = ANY (looked_at) AND deadline <= at;
    PERFORM @.conclude(ending, NULL, at);
  END IF;
  RETURN cardinality(looked_at);
END
$body$;`;

const keeping = `CREATE OR REPLACE FUNCTION @.keep_ends(span double precision, given double precision) RETURNS void
LANGUAGE plpgsql ${careful} AS $body$
BEGIN
  -- Asked for each second, written once a day. The row may have been taken away, with all the others, while a process was running.
  INSERT INTO @.state AS there (version, keep_until) VALUES (${schemaVersion}, @.moment(given) + span)
  ON CONFLICT (one) DO UPDATE SET keep_until = excluded.keep_until
  WHERE there.keep_until < excluded.keep_until - 86400000;
END
$body$;

CREATE OR REPLACE FUNCTION @.take_ends(most double precision, lease double precision, given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  at double precision := @.moment(given);
  answer json;
BEGIN
  WITH chosen AS (
    SELECT key FROM @.kept WHERE NOT is_parked AND due_at <= at ORDER BY place LIMIT most::bigint FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE @.kept SET attempts = attempts + 1, due_at = at + lease FROM chosen WHERE kept.key = chosen.key
    RETURNING kept.*
  )
  SELECT json_agg(json_build_object('key', key, 'reason', reason, 'endedAt', ended_at, 'attempts', attempts,
    'session', session) ORDER BY place) INTO answer FROM taken;
  RETURN coalesce(answer, '[]');
END
$body$;

CREATE OR REPLACE FUNCTION @.settle_end(this_key text, is_told boolean, retry_in double precision, given double precision) RETURNS void
LANGUAGE plpgsql ${careful} AS $body$
BEGIN
  -- To be told again in a while; or never; or, when it is neither told nor to be tried again, when somebody asks.
  IF is_told THEN
    DELETE FROM @.kept WHERE key = this_key AND NOT is_parked;
  ELSE
    UPDATE @.kept SET is_parked = retry_in IS NULL, due_at = coalesce(@.moment(given) + retry_in, 0)
    WHERE key = this_key AND NOT is_parked;
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION @.release_ends(most integer) RETURNS integer
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  released integer;
BEGIN
  UPDATE @.kept SET is_parked = false, attempts = 0, due_at = 0 WHERE key = ANY (ARRAY(
    SELECT key FROM @.kept WHERE is_parked ORDER BY place LIMIT most FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS released = ROW_COUNT;
  RETURN released;
END
$body$;`;

/*
 * An end's number says nothing of when it was committed, so it goes by what the transactions then and now can see. It is one
 * statement, so that the snapshot which is given is the one that the ends were read in. A mark that is ahead is of another
 * server, or of what this one has lost: then all is told that the log has.
 */
const hearing = `CREATE OR REPLACE FUNCTION @.hear(since pg_snapshot) RETURNS json
LANGUAGE plpgsql ${indexed} AS $body$
BEGIN
  IF pg_snapshot_xmax(since) > pg_snapshot_xmax(pg_current_snapshot()) THEN
    since := '1:1:';
  END IF;
  RETURN json_build_object('seen', pg_current_snapshot()::text, 'ends', coalesce((
    SELECT json_agg(json_build_array(key, reason) ORDER BY id) FROM @.ended
    WHERE transaction >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(transaction, since)
  ), '[]'));
END
$body$;`;

/*
 * How far the tables and functions have come, which is made last of all. Those of one version know each other: what an earlier
 * release calls stays as it is. So processes of several releases share a schema.
 */
const mark = `CREATE OR REPLACE FUNCTION @.release() RETURNS integer LANGUAGE sql IMMUTABLE AS $body$ SELECT ${schemaRelease} $body$;`;

// What processes of earlier releases call. Those of 0.1.0 know of no former uids.
const before = `CREATE OR REPLACE FUNCTION @.renew(this_key text, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT @.renew(this_key, from_uid, new_uid, grace, is_unsent, this_user, allowed, NULL, NULL, NULL, given)
$body$;

CREATE OR REPLACE FUNCTION @.find(this_uid text, is_seen boolean, given double precision) RETURNS json
LANGUAGE plpgsql ${indexed} AS $body$
DECLARE
  answer json := @.look_up(this_uid, is_seen, given);
BEGIN
  RETURN CASE WHEN answer->'isFormer' IS NULL THEN answer END;
END
$body$;

CREATE OR REPLACE FUNCTION @.touch(this_key text, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT @.touch(this_key, NULL, given)
$body$;

CREATE OR REPLACE FUNCTION @.set_idle_timeout(this_key text, new_timeout double precision, given double precision) RETURNS json
LANGUAGE sql VOLATILE AS $body$ SELECT @.set_idle_timeout(this_key, new_timeout, NULL, given) $body$;

CREATE OR REPLACE FUNCTION @.write(this_key text, this_name text, expected bigint, new_text text, given double precision) RETURNS json
LANGUAGE sql VOLATILE AS $body$ SELECT @.write(this_key, this_name, expected, new_text, NULL, given) $body$;

CREATE OR REPLACE FUNCTION @.renew(this_key text, old_uid text, new_uid text, grace double precision, this_user text,
  allowed double precision, given double precision) RETURNS json
LANGUAGE plpgsql ${careful} AS $body$
DECLARE
  answer json := @.renew(this_key, old_uid, new_uid, grace, false, this_user, allowed, given);
BEGIN
  RETURN CASE WHEN answer->'isFormer' IS NULL THEN answer ELSE @.alive(this_key, NULL, @.moment(given)) END;
END
$body$;

CREATE OR REPLACE FUNCTION @."end"(this_key text, why text, given double precision) RETURNS boolean
LANGUAGE sql VOLATILE AS $body$ SELECT @."end"(this_key, why, NULL, given) $body$;

CREATE OR REPLACE FUNCTION @.release_ends() RETURNS integer LANGUAGE sql VOLATILE AS $body$ SELECT @.release_ends(NULL) $body$;

CREATE OR REPLACE FUNCTION @.list(this_user text, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT @.list(this_user, NULL, NULL, NULL, given)->'records'
$body$;

CREATE OR REPLACE FUNCTION @.end_all(this_user text, why text, except_key text, given double precision) RETURNS integer
LANGUAGE sql VOLATILE AS $body$ SELECT (@.end_all(this_user, why, except_key, NULL, NULL, given)->>'count')::integer $body$;`;

/** The functions, and those that they are made of. */
export const functions = [
  helpers,
  sights,
  births,
  writes,
  renewals,
  ends,
  turns,
  users,
  sweeps,
  keeping,
  hearing,
  before,
  mark,
].join('\n\n');
