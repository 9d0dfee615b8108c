-- One function for each call of the contract, so that each is one round trip and one transaction. In plpgsql a statement sees all that
-- was committed before that statement; so each function first locks what it changes, and only then asks for the time and looks. Locks
-- are taken in one order: the user, then sessions. `espalier` stands for the schema, whatever it is called; what has no file, as
-- `espalier.most_ids()`, is a constant of src/store/postgres-schema.ts.
--
-- Those that a process calls go by indexes alone. Plans are kept: one that was made while a table was empty would go on reading all of
-- it for a while when it is full; and one that was made while a user had few sessions would go on reading and sorting all of them for
-- each page. Waiting for another's lock ends before the caller does; nothing was done then.

CREATE OR REPLACE FUNCTION espalier.moment(given double precision) RETURNS double precision LANGUAGE sql VOLATILE AS
$body$ SELECT coalesce(given, floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision) $body$;

CREATE OR REPLACE FUNCTION espalier.is_in_time(until double precision) RETURNS boolean
LANGUAGE plpgsql AS $body$
BEGIN
  -- A server that takes no writes is not read from either: what it holds may have ended elsewhere.
  IF current_setting('transaction_read_only')::boolean THEN
    RAISE read_only_sql_transaction;
  ELSIF espalier.moment(NULL) > until THEN
    RAISE EXCEPTION 'The call came too late.' USING ERRCODE = 'ESP01';
  END IF;
  RETURN true;
END
$body$;

-- A session as JSON, with all its components, or with those of these names. It gives one row, since the server makes such a function a
-- part of the statement that asks, which halves what a look-up costs.
CREATE OR REPLACE FUNCTION espalier.record(held espalier.session, at double precision, names text[]) RETURNS SETOF text
LANGUAGE sql STABLE AS $body$
  SELECT concat('{"key":', to_json(held.key), ',"uid":', to_json(held.uid), ',"isSecure":', held.is_secure::text,
    ',"device":', coalesce(to_json(held.device)::text, 'null'),
    ',"idleTimeout":', held.idle_timeout, ',"absoluteTimeout":', held.absolute_timeout,
    ',"createdAt":', held.created_at, ',"lastSeenAt":', held.last_seen_at,
    ',"user":', coalesce(to_json(held."user")::text, 'null'),
    ',"authenticatedAt":', coalesce(held.authenticated_at::text, 'null'), ',"isRemembered":', held.is_remembered::text,
    ',"components":[', (
      SELECT string_agg(concat('[', to_json(name), ',', revision, ',', to_json(text), ']'), ',')
      FROM espalier.component WHERE component.key = held.key AND (names IS NULL OR name = ANY (names))
    ), '],"now":', at, '}')
$body$;

-- Whether being seen `at` that moment is worth a write: the rule is that of src/session/store/lifetime.ts, told once more.
CREATE OR REPLACE FUNCTION espalier.gains_enough(held espalier.session, at double precision) RETURNS boolean LANGUAGE sql IMMUTABLE AS $body$
  SELECT at - held.last_seen_at > least(held.idle_timeout / 20, espalier.furthest_behind())
$body$;

-- Calls are as of a sign-in, by its moment; 0 for none. Without one they are for the session whoever has signed in.
CREATE OR REPLACE FUNCTION espalier.is_as_of(held espalier.session, as_of double precision) RETURNS boolean LANGUAGE sql IMMUTABLE AS $body$
  SELECT as_of IS NULL OR as_of = coalesce(held.authenticated_at, 0)
$body$;

CREATE OR REPLACE FUNCTION espalier.remember(this_uid text, its_key text, its_until double precision, at double precision) RETURNS void
LANGUAGE sql VOLATILE AS $body$
  INSERT INTO espalier.former VALUES (this_uid, its_key, its_until, greatest(its_until, at) + espalier.former_ids_for())
  ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, forget_at = excluded.forget_at
$body$;

CREATE OR REPLACE FUNCTION espalier.former_id(this_uid text, at double precision) RETURNS json
LANGUAGE sql STABLE AS $body$
  SELECT json_build_object('isFormer', true, 'key', key, 'until', until, 'now', at) FROM (
    SELECT key, until FROM espalier.alias WHERE uid = this_uid AND until <= at AND until + espalier.former_ids_for() > at
    UNION ALL SELECT key, until FROM espalier.former WHERE uid = this_uid AND forget_at > at
  ) AS known LIMIT 1
$body$;

CREATE OR REPLACE FUNCTION espalier.timeout_reason(held espalier.session) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
  SELECT CASE WHEN held.last_seen_at + held.idle_timeout
    < coalesce(held.authenticated_at, held.created_at) + held.absolute_timeout THEN 'idle' ELSE 'absolute' END
$body$;

CREATE OR REPLACE FUNCTION espalier.conclude(these_keys text[], why text, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  -- Whoever calls has locked these sessions. Without a why each ends by its timeout.
  IF these_keys IS NULL THEN
    RETURN;
  ELSIF (SELECT keep_until FROM espalier.state WHERE one) > at THEN
    INSERT INTO espalier.kept (key, reason, ended_at, session)
    SELECT key, coalesce(why, espalier.timeout_reason(session)), at, record::json
    FROM espalier.session, espalier.record(session, at, NULL) WHERE key = ANY (these_keys) ORDER BY deadline, key
    ON CONFLICT (key) DO UPDATE SET place = DEFAULT, reason = excluded.reason, ended_at = excluded.ended_at,
      attempts = 0, due_at = 0, is_parked = false, session = excluded.session;
  END IF;
  -- What was on its way when somebody ended it is to know that it came from there.
  IF why = ANY (espalier.leaving_reasons()) THEN
    INSERT INTO espalier.former
    SELECT DISTINCT ON (uid) uid, key, least(until, at), at + espalier.former_ids_for() FROM (
      SELECT uid, key, at AS until FROM espalier.session WHERE key = ANY (these_keys)
      UNION ALL SELECT uid, key, until FROM espalier.alias WHERE key = ANY (these_keys)
    ) AS id ORDER BY uid, until DESC
    ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, forget_at = excluded.forget_at;
  END IF;
  DELETE FROM espalier.component WHERE key = ANY (these_keys);
  DELETE FROM espalier.alias WHERE key = ANY (these_keys);
  WITH gone AS (
    DELETE FROM espalier.session WHERE key = ANY (these_keys) RETURNING key, deadline, espalier.timeout_reason(session) AS reason
  )
  INSERT INTO espalier.ended (key, reason) SELECT key, coalesce(why, reason) FROM gone ORDER BY deadline, key;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.bury(these_keys text[], given double precision) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  at double precision;
  dead text[];
BEGIN
  -- Who is told that a session is gone by its deadline ends it, so that it is gone for those too whose clocks are behind.
  PERFORM FROM espalier.session WHERE key = ANY (these_keys) ORDER BY key FOR UPDATE;
  at := espalier.moment(given);
  SELECT array_agg(key) INTO dead FROM espalier.session WHERE key = ANY (these_keys) AND deadline <= at;
  PERFORM espalier.conclude(dead, NULL, at);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.seen(this_key text, as_of double precision, given double precision) RETURNS json
LANGUAGE plpgsql AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM FROM espalier.session WHERE key = this_key FOR NO KEY UPDATE;
  at := espalier.moment(given);
  UPDATE espalier.session SET last_seen_at = at
  WHERE key = this_key AND deadline > at AND espalier.gains_enough(session, at) AND espalier.is_as_of(session, as_of);
  RETURN espalier.alive(this_key, as_of, at);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.alive(this_key text, as_of double precision, at double precision) RETURNS json
LANGUAGE plpgsql AS $body$
DECLARE
  is_over boolean;
  answer json;
BEGIN
  SELECT deadline <= at, CASE WHEN espalier.is_as_of(session, as_of) THEN record END INTO is_over, answer
  FROM espalier.session, espalier.record(session, at, NULL) WHERE key = this_key;
  IF is_over THEN
    PERFORM espalier.bury(ARRAY[this_key], at);
    RETURN NULL;
  END IF;
  RETURN answer;
END
$body$;

-- The rule is that of src/session/store/ids.ts, told once more. A request has come with a uid: whether that changes any of them.
CREATE OR REPLACE FUNCTION espalier.is_news(held espalier.session, this_uid text, at double precision) RETURNS boolean LANGUAGE sql STABLE AS $body$
  SELECT (held.uid = this_uid AND held.uid_seen_at IS NULL) OR EXISTS (
    SELECT FROM espalier.alias LEFT JOIN espalier.alias AS its ON its.uid = this_uid AND held.uid <> this_uid
    WHERE alias.key = held.key AND (
      alias.uid = this_uid AND (alias.seen_at IS NULL OR alias.seen_at > 0 AND alias.until < 'Infinity')
      OR (held.uid = this_uid OR alias.place < its.place)
        AND alias.until = 'Infinity' AND coalesce(alias.seen_at, 0) + alias.grace <= at
    )
  )
$body$;

-- Whether a request that comes with one of them may change any.
CREATE OR REPLACE FUNCTION espalier.is_open(this_key text) RETURNS boolean LANGUAGE sql STABLE AS $body$
  SELECT EXISTS (SELECT FROM espalier.alias WHERE key = this_key AND (until = 'Infinity' OR seen_at IS DISTINCT FROM 0))
$body$;

CREATE OR REPLACE FUNCTION espalier.sight(this_key text, this_uid text, given double precision) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  at double precision;
  newest text;
  its_place bigint;
BEGIN
  SELECT uid INTO newest FROM espalier.session WHERE key = this_key FOR NO KEY UPDATE;
  at := espalier.moment(given);
  UPDATE espalier.alias SET until = 'Infinity', seen_at = at
  WHERE key = this_key AND uid = this_uid AND until > at
    AND (seen_at IS NULL OR seen_at > 0 AND until < 'Infinity') AND newest <> this_uid;
  SELECT place INTO its_place FROM espalier.alias WHERE key = this_key AND uid = this_uid AND until > at;
  UPDATE espalier.alias SET until = at + grace
  WHERE key = this_key AND until = 'Infinity' AND coalesce(seen_at, 0) + grace <= at AND (newest = this_uid OR place < its_place);
  UPDATE espalier.session SET is_waiting = espalier.is_open(this_key),
    uid_seen_at = CASE WHEN newest = this_uid THEN coalesce(uid_seen_at, at) ELSE uid_seen_at END
  WHERE key = this_key;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.look_up(this_uid text, is_seen boolean, given double precision) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  found_key text;
  is_over boolean;
  is_news boolean;
  is_worth_it boolean;
  answer json;
BEGIN
  SELECT key, deadline <= at, is_waiting AND espalier.is_news(session, this_uid, at),
    is_seen AND espalier.gains_enough(session, at), record
  INTO found_key, is_over, is_news, is_worth_it, answer
  FROM espalier.session, espalier.record(session, at, NULL) WHERE uid = this_uid;
  IF NOT FOUND THEN
    SELECT session.key, deadline <= at, is_waiting AND espalier.is_news(session, this_uid, at),
      is_seen AND espalier.gains_enough(session, at), record
    INTO found_key, is_over, is_news, is_worth_it, answer
    FROM espalier.alias JOIN espalier.session USING (key), espalier.record(session, at, NULL) WHERE alias.uid = this_uid AND until > at;
  END IF;
  IF found_key IS NULL THEN
    RETURN espalier.former_id(this_uid, at);
  ELSIF is_over THEN
    PERFORM espalier.bury(ARRAY[found_key], given);
    RETURN espalier.look_up(this_uid, is_seen, given);
  END IF;
  IF is_news THEN
    PERFORM espalier.sight(found_key, this_uid, given);
  END IF;
  IF NOT is_worth_it THEN
    RETURN answer;
  END IF;
  -- While the row was waited for, somebody may have signed in to the session: then this uid is not its own any more.
  answer := espalier.seen(found_key, coalesce((answer->>'authenticatedAt')::double precision, 0), given);
  RETURN coalesce(answer, espalier.look_up(this_uid, false, given));
END
$body$;

CREATE OR REPLACE FUNCTION espalier.touch(this_key text, as_of double precision, given double precision) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  is_worth_it boolean;
  answer json;
BEGIN
  SELECT deadline <= at OR espalier.gains_enough(session, at), record INTO is_worth_it, answer
  FROM espalier.session, espalier.record(session, at, NULL) WHERE key = this_key AND espalier.is_as_of(session, as_of);
  RETURN CASE WHEN is_worth_it THEN espalier.seen(this_key, as_of, given) ELSE answer END;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.set_idle_timeout(this_key text, new_timeout double precision, as_of double precision,
  given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM FROM espalier.session WHERE key = this_key FOR NO KEY UPDATE;
  at := espalier.moment(given);
  UPDATE espalier.session SET idle_timeout = new_timeout, last_seen_at = greatest(last_seen_at, at),
    look_at = least(look_at, greatest(last_seen_at, at) + new_timeout)
  WHERE key = this_key AND deadline > at AND espalier.is_as_of(session, as_of);
  RETURN espalier.alive(this_key, as_of, at);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.vacate(this_uid text, given double precision) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  holders text[];
BEGIN
  -- Whose key or uid this is, or was until a moment ago. Of these, what is past its deadline ends here.
  SELECT array_agg(key) INTO holders FROM (
    SELECT key FROM espalier.session WHERE key = this_uid
    UNION SELECT key FROM espalier.session WHERE uid = this_uid
    UNION SELECT key FROM espalier.alias WHERE uid = this_uid AND until > espalier.moment(given)
  ) AS holder;
  IF holders IS NULL THEN
    RETURN;
  END IF;
  PERFORM espalier.bury(holders, given);
  IF EXISTS (SELECT FROM espalier.session WHERE key = ANY (holders)) THEN
    RAISE unique_violation;
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.create(this_uid text, is_secure boolean, idle_timeout double precision, absolute_timeout double precision,
  device text, given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision;
BEGIN
  PERFORM espalier.vacate(this_uid, given);
  at := espalier.moment(given);
  INSERT INTO espalier.session (key, uid, is_secure, idle_timeout, absolute_timeout, device, created_at, last_seen_at, look_at)
  VALUES (this_uid, this_uid, is_secure, idle_timeout, absolute_timeout, device, at, at,
    at + least(idle_timeout, absolute_timeout));
  RETURN (SELECT record FROM espalier.session, espalier.record(session, at, NULL) WHERE key = this_uid);
END
$body$;

-- A writer shares the session with other writers, but not with who ends it: so an end has all that was written before it.
CREATE OR REPLACE FUNCTION espalier.write(this_key text, this_name text, expected bigint, new_text text, as_of double precision,
  given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  its_deadline double precision;
  is_current boolean;
  there record;
  fresh bigint := 0;
BEGIN
  IF EXISTS (SELECT FROM espalier.session WHERE key = this_key AND deadline <= espalier.moment(given)) THEN
    PERFORM espalier.bury(ARRAY[this_key], given);
  END IF;
  SELECT deadline, espalier.is_as_of(session, as_of) INTO its_deadline, is_current FROM espalier.session WHERE key = this_key FOR KEY SHARE;
  IF its_deadline IS NULL THEN
    RETURN json_build_object('state', 'gone');
  ELSIF its_deadline <= espalier.moment(given) THEN
    -- Its deadline came in between. Who shares it can not end it: once more from the start.
    RAISE serialization_failure;
  ELSIF NOT is_current THEN
    RETURN json_build_object('state', 'superseded');
  END IF;
  IF new_text IS NOT NULL THEN
    fresh := nextval('espalier.revision');
  END IF;
  LOOP
    IF new_text IS NULL THEN
      DELETE FROM espalier.component WHERE key = this_key AND name = this_name AND revision = expected;
    ELSIF expected = 0 THEN
      INSERT INTO espalier.component VALUES (this_key, this_name, fresh, new_text) ON CONFLICT DO NOTHING;
    ELSE
      UPDATE espalier.component SET revision = fresh, text = new_text
      WHERE key = this_key AND name = this_name AND revision = expected;
    END IF;
    IF FOUND THEN
      RETURN json_build_object('state', 'written', 'revision', fresh);
    END IF;
    SELECT revision, text INTO there FROM espalier.component WHERE key = this_key AND name = this_name;
    IF coalesce(there.revision, 0) <> expected THEN
      RETURN json_build_object('state', 'conflict', 'current', CASE WHEN there.revision IS NOT NULL
        THEN json_build_object('revision', there.revision, 'text', there.text) END);
    ELSIF new_text IS NULL THEN
      RETURN json_build_object('state', 'written', 'revision', 0);
    END IF;
    -- It has come to be as expected since it was tried.
  END LOOP;
END
$body$;

-- Locks are always taken in this order: the user, then sessions. The sign-ins of a user who may have so many sessions happen one
-- after another, and none while all are ended; those of others keep nobody waiting.
CREATE OR REPLACE FUNCTION espalier.hold_user(this_user text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('espalier ' || this_user, 0));
END
$body$;

CREATE OR REPLACE FUNCTION espalier.share_user(this_user text) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('espalier ' || this_user, 0));
END
$body$;

-- A session has its uid, the newest, and those of before as aliases: those that wait for a later one to be seen without an end.
CREATE OR REPLACE FUNCTION espalier.give_further_uid(held espalier.session, from_uid text, new_uid text, new_grace double precision,
  is_unsent boolean, at double precision) RETURNS boolean
LANGUAGE plpgsql AS $body$
DECLARE
  is_newest boolean := held.uid = from_uid;
  -- Who signs in again comes with one that finds the session no more.
  is_again boolean := NOT is_newest AND NOT EXISTS (SELECT FROM espalier.alias WHERE uid = from_uid AND key = held.key AND until > at);
  is_kept boolean := NOT (is_newest AND is_unsent);
  surplus espalier.alias;
  ids integer;
BEGIN
  SELECT count(*) INTO ids FROM espalier.alias WHERE key = held.key AND until > at AND NOT (is_unsent AND uid = from_uid);
  IF ids + is_kept::integer >= espalier.most_ids() THEN
    SELECT * INTO surplus FROM espalier.alias WHERE key = held.key AND until > at AND uid <> from_uid
    ORDER BY is_again AND seen_at IS NULL DESC, place NULLS FIRST LIMIT 1;
    IF NOT is_again AND NOT is_newest AND at < surplus.issued_at + new_grace THEN
      RETURN false;
    END IF;
    PERFORM espalier.remember(surplus.uid, held.key, CASE WHEN is_again THEN at + new_grace ELSE at END, at);
    DELETE FROM espalier.alias WHERE uid = surplus.uid;
  END IF;
  PERFORM espalier.vacate(new_uid, at);
  DELETE FROM espalier.alias WHERE is_unsent AND key = held.key AND uid = from_uid AND until > at;
  PERFORM espalier.remember(uid, key, until, at) FROM espalier.alias WHERE key = held.key AND until <= at;
  DELETE FROM espalier.alias WHERE key = held.key AND until <= at;
  UPDATE espalier.alias SET grace = new_grace WHERE key = held.key AND until = 'Infinity';
  IF is_kept THEN
    INSERT INTO espalier.alias (uid, key, until, issued_at, grace, place, seen_at)
    VALUES (held.uid, held.key, 'Infinity', coalesce(held.issued_at, held.created_at), new_grace, nextval('espalier.revision'),
      held.uid_seen_at)
    ON CONFLICT (uid) DO UPDATE SET key = excluded.key, until = excluded.until, issued_at = excluded.issued_at,
      grace = excluded.grace, place = excluded.place, seen_at = excluded.seen_at;
  END IF;
  UPDATE espalier.alias SET seen_at = 0 WHERE key = held.key AND uid = from_uid;
  UPDATE espalier.session SET uid = new_uid, issued_at = at, uid_seen_at = NULL, is_waiting = espalier.is_open(held.key) WHERE key = held.key;
  RETURN true;
END
$body$;

-- From now on it lasts for so long, which may be less.
CREATE OR REPLACE FUNCTION espalier.last(this_key text, idle double precision, absolute double precision, remembered boolean,
  at double precision) RETURNS void
LANGUAGE sql VOLATILE AS $body$
  UPDATE espalier.session SET idle_timeout = idle, absolute_timeout = absolute, is_remembered = remembered,
    last_seen_at = greatest(last_seen_at, at), look_at = least(look_at, at + least(idle, absolute))
  WHERE key = this_key
$body$;

CREATE OR REPLACE FUNCTION espalier.sign_in(held espalier.session, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
  PERFORM espalier.vacate(new_uid, at);
  PERFORM espalier.remember(uid, held.key, CASE WHEN until > at THEN at + grace ELSE until END, at)
  FROM (SELECT held.uid, 'Infinity'::double precision AS until UNION ALL SELECT uid, until FROM espalier.alias WHERE key = held.key) AS id
  WHERE NOT (is_unsent AND uid = from_uid);
  DELETE FROM espalier.alias WHERE key = held.key;
  UPDATE espalier.session SET uid = new_uid, issued_at = at, uid_seen_at = NULL, is_waiting = false, "user" = this_user, sign_in = nextval('espalier.sign_in'),
    authenticated_at = greatest(at, coalesce(authenticated_at + 1, created_at))
  WHERE key = held.key;
  IF allowed < 'Infinity' THEN
    PERFORM espalier.replace_surplus(this_user, allowed::bigint, at);
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.replace_surplus(this_user text, allowed bigint, at double precision) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
  last_surplus bigint;
  surplus text[];
BEGIN
  SELECT sign_in INTO last_surplus FROM espalier.session WHERE hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user AND deadline > at
  ORDER BY sign_in DESC OFFSET allowed LIMIT 1;
  IF last_surplus IS NULL THEN
    RETURN;
  END IF;
  surplus := ARRAY(
    SELECT key FROM espalier.session WHERE hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user AND sign_in <= last_surplus AND deadline > at ORDER BY sign_in LIMIT espalier.most_replaced()
  );
  PERFORM FROM espalier.session WHERE key = ANY (surplus) ORDER BY key FOR UPDATE;
  PERFORM espalier.conclude(surplus, 'replaced', at);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.renew(this_key text, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, idle double precision, absolute double precision, remembered boolean,
  given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  held espalier.session;
  known json;
  at double precision;
BEGIN
  IF allowed < 'Infinity' THEN
    PERFORM espalier.hold_user(this_user);
  ELSIF this_user IS NOT NULL THEN
    PERFORM espalier.share_user(this_user);
  END IF;
  SELECT * INTO held FROM espalier.session WHERE key = this_key FOR UPDATE;
  at := espalier.moment(given);
  IF held.key IS NULL THEN
    RETURN NULL;
  ELSIF held.deadline <= at THEN
    PERFORM espalier.conclude(ARRAY[this_key], NULL, at);
    RETURN NULL;
  END IF;
  IF held.uid <> from_uid AND NOT EXISTS (
    SELECT FROM espalier.alias WHERE uid = from_uid AND key = this_key AND until > at
  ) THEN
    known := coalesce(espalier.former_id(from_uid, at),
      json_build_object('isFormer', true, 'key', this_key, 'until', at, 'now', at));
    -- By a uid of before a sign-in the same user gets a further one: the answer may have been lost.
    IF known->>'key' = this_key AND held."user" = this_user AND at < (known->>'until')::double precision THEN
      PERFORM espalier.give_further_uid(held, from_uid, new_uid, grace, is_unsent, at);
      RETURN espalier.seen(this_key, NULL, at);
    END IF;
    RETURN known;
  ELSIF held."user" <> this_user THEN
    RETURN espalier.alive(this_key, NULL, at);
  END IF;
  IF this_user IS NULL THEN
    PERFORM espalier.give_further_uid(held, from_uid, new_uid, grace, is_unsent, at);
  ELSE
    PERFORM espalier.sign_in(held, from_uid, new_uid, grace, is_unsent, this_user, allowed, at);
    IF idle IS NOT NULL THEN
      PERFORM espalier.last(this_key, idle, absolute, remembered, at);
    END IF;
  END IF;
  RETURN espalier.seen(this_key, NULL, at);
END
$body$;

CREATE OR REPLACE FUNCTION espalier."end"(this_key text, why text, as_of double precision, given double precision) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  its_deadline double precision;
  is_current boolean;
  at double precision;
BEGIN
  SELECT deadline, espalier.is_as_of(session, as_of) INTO its_deadline, is_current FROM espalier.session WHERE key = this_key FOR UPDATE;
  at := espalier.moment(given);
  IF its_deadline IS NULL OR its_deadline > at AND NOT is_current THEN
    RETURN false;
  END IF;
  PERFORM espalier.conclude(ARRAY[this_key], CASE WHEN its_deadline > at THEN why END, at);
  RETURN its_deadline > at;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.end_these(these_keys text[], why text, given double precision) RETURNS integer
LANGUAGE plpgsql AS $body$
DECLARE
  dead text[];
  ending text[];
  at double precision;
BEGIN
  PERFORM FROM espalier.session WHERE key = ANY (these_keys) ORDER BY key FOR UPDATE;
  at := espalier.moment(given);
  SELECT array_agg(key) FILTER (WHERE deadline <= at), array_agg(key) FILTER (WHERE deadline > at) INTO dead, ending
  FROM espalier.session WHERE key = ANY (these_keys);
  PERFORM espalier.conclude(dead, NULL, at);
  PERFORM espalier.conclude(ending, why, at);
  RETURN coalesce(cardinality(ending), 0);
END
$body$;

-- Calls of one turn, in one transaction. None of them waits for a lock, which would hold up the others, nor for another of such calls:
-- those whose session is locked are left out, and are made by themselves.
CREATE OR REPLACE FUNCTION espalier.find_all(uids text[], are_seen boolean[], given double precision) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  answers text[];
  unanswered text[];
  locked text[];
BEGIN
  answers := ARRAY(
    SELECT CASE WHEN deadline > at AND NOT (is_waiting AND espalier.is_news(session, call.uid, at))
      AND NOT (is_seen AND espalier.gains_enough(session, at)) THEN record END
    FROM unnest(uids, are_seen) WITH ORDINALITY AS call (uid, is_seen, place)
    LEFT JOIN espalier.session USING (uid) LEFT JOIN LATERAL espalier.record(session, at, NULL) ON true ORDER BY place
  );
  IF array_position(answers, NULL) IS NULL THEN
    RETURN QUERY SELECT unnest(answers);
    RETURN;
  END IF;
  FOR i IN 1 .. cardinality(uids) LOOP
    IF answers[i] IS NULL THEN
      unanswered := unanswered || uids[i];
    END IF;
  END LOOP;
  IF unanswered IS NOT NULL THEN
    locked := espalier.locked(ARRAY(
      SELECT key FROM espalier.session WHERE uid = ANY (unanswered) UNION ALL SELECT key FROM espalier.alias WHERE uid = ANY (unanswered)
    ));
  END IF;
  FOR i IN 1 .. cardinality(uids) LOOP
    IF answers[i] IS NULL THEN
      IF locked IS NULL OR NOT EXISTS (
        SELECT FROM espalier.session WHERE uid = uids[i] AND key = ANY (locked)
        UNION ALL SELECT FROM espalier.alias WHERE uid = uids[i] AND key = ANY (locked)
      ) THEN
        answers[i] := espalier.look_up(uids[i], are_seen[i], given)::text;
      ELSE
        answers[i] := 'left out';
      END IF;
    END IF;
    RETURN NEXT answers[i];
  END LOOP;
END
$body$;

-- Those of the sessions that somebody else has locked. The others are locked from now on.
CREATE OR REPLACE FUNCTION espalier.locked(these_keys text[]) RETURNS text[] LANGUAGE plpgsql AS $body$
DECLARE
  held text[] := ARRAY(SELECT key FROM espalier.session WHERE key = ANY (these_keys) FOR UPDATE SKIP LOCKED);
BEGIN
  RETURN ARRAY(SELECT key FROM espalier.session WHERE key = ANY (these_keys) AND key <> ALL (held));
END
$body$;

CREATE OR REPLACE FUNCTION espalier.change_all(calls json, given double precision) RETURNS SETOF text
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  call record;
  locked text[] := espalier.locked(ARRAY(SELECT key FROM json_to_recordset(calls) AS call (key text)));
BEGIN
  FOR call IN SELECT * FROM json_to_recordset(calls) AS call (act text, key text, "isSecure" boolean, "idleTimeout" double precision,
    "absoluteTimeout" double precision, device text, name text, expected bigint, text text, reason text, "asOf" double precision) LOOP
    IF call.key = ANY (locked) THEN
      RETURN NEXT 'left out';
    ELSIF call.act = 'create' THEN
      RETURN NEXT espalier.create(call.key, call."isSecure", call."idleTimeout", call."absoluteTimeout", call.device, given)::text;
    ELSIF call.act = 'write' THEN
      RETURN NEXT espalier.write(call.key, call.name, call.expected, call.text, call."asOf", given)::text;
    ELSE
      RETURN NEXT espalier."end"(call.key, call.reason, call."asOf", given)::text;
    END IF;
  END LOOP;
END
$body$;

-- Page after page. What comes after the first is not waited for; a mark says where to go on, and where that was.
CREATE OR REPLACE FUNCTION espalier.list(this_user text, most integer, names text[], after text, given double precision) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  dead text[];
  read integer;
  last bigint;
  records json;
BEGIN
  SELECT array_agg((held).key) FILTER (WHERE (held).deadline <= at), count(*), max((held).sign_in),
    '[' || string_agg(record, ',' ORDER BY (held).sign_in) FILTER (WHERE (held).deadline > at) || ']'
  INTO dead, read, last, records FROM (
    SELECT session AS held FROM espalier.session WHERE hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user AND sign_in > coalesce(after, '0')::bigint ORDER BY sign_in LIMIT most
  ) AS page, espalier.record(held, at, names);
  IF dead IS NOT NULL THEN
    PERFORM espalier.bury(dead, given);
  END IF;
  RETURN json_build_object('records', coalesce(records, '[]'), 'next', CASE WHEN read = most THEN last::text END);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.list_everyone(most integer, names text[], after text, given double precision) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  dead text[];
  read integer;
  last text;
  records json;
BEGIN
  SELECT array_agg((held).key) FILTER (WHERE (held).deadline <= at), count(*), max((held).key),
    '[' || string_agg(record, ',' ORDER BY (held).key) FILTER (WHERE (held).deadline > at) || ']'
  INTO dead, read, last, records FROM (
    SELECT session AS held FROM espalier.session WHERE key > coalesce(after, '') ORDER BY key LIMIT most
  ) AS page, espalier.record(held, at, names);
  IF dead IS NOT NULL THEN
    PERFORM espalier.bury(dead, given);
  END IF;
  RETURN json_build_object('records', coalesce(records, '[]'), 'next', CASE WHEN read = most THEN last END);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.end_all(this_user text, why text, except_key text, most integer, after text, given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  first bigint := coalesce(split_part(after, ' ', 1), '0');
  last bigint := split_part(after, ' ', 2);
  page text[];
  read integer;
BEGIN
  PERFORM espalier.hold_user(this_user);
  IF last IS NULL THEN
    SELECT sign_in INTO last FROM espalier.session WHERE hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user ORDER BY sign_in DESC LIMIT 1;
  END IF;
  SELECT array_agg(key), count(*), max(sign_in) INTO page, read, first FROM (
    SELECT key, sign_in FROM espalier.session WHERE hashtextextended("user", 0) = hashtextextended(this_user, 0) AND "user" = this_user AND sign_in > first AND sign_in <= last ORDER BY sign_in LIMIT most
  ) AS found;
  RETURN json_build_object('count', espalier.end_these(array_remove(page, except_key), why, given),
    'next', CASE WHEN read = most THEN first || ' ' || last END);
END
$body$;

CREATE OR REPLACE FUNCTION espalier.end_everyone(why text, most integer, after text, given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  latest bigint := coalesce(split_part(after, ' ', 1)::bigint, nextval('espalier.revision'));
  first text := coalesce(substr(after, strpos(after, ' ') + 1), '');
  page text[];
  read integer;
BEGIN
  SELECT array_agg(key) FILTER (WHERE coalesce(begun < latest, true)), count(*), max(key) INTO page, read, first FROM (
    SELECT key, begun FROM espalier.session WHERE key > first ORDER BY key LIMIT most
  ) AS found;
  RETURN json_build_object('count', espalier.end_these(page, why, given),
    'next', CASE WHEN read = most THEN latest || ' ' || first END);
END
$body$;

-- Skips what others hold: any number of processes sweep at once and never wait for each other.
CREATE OR REPLACE FUNCTION espalier.sweep(given double precision) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  has_more boolean;
  swept integer;
  looked_at text[];
  ending text[];
BEGIN
  DELETE FROM espalier.ended WHERE id = ANY (ARRAY(
    SELECT id FROM espalier.ended WHERE id <= (SELECT max(id) FROM (SELECT id FROM espalier.ended ORDER BY id LIMIT 1000) AS first)
      AND noted_at < clock_timestamp() - interval '1 minute' FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS swept = ROW_COUNT;
  has_more := swept = 1000;
  DELETE FROM espalier.former WHERE uid = ANY (ARRAY(
    SELECT uid FROM espalier.former WHERE forget_at <= at ORDER BY forget_at LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS swept = ROW_COUNT;
  looked_at := ARRAY(
    SELECT key FROM espalier.session WHERE look_at <= at ORDER BY look_at LIMIT 200 FOR UPDATE SKIP LOCKED
  );
  IF cardinality(looked_at) > 0 THEN
    UPDATE espalier.session SET look_at = deadline WHERE key = ANY (looked_at) AND deadline > at;
    SELECT array_agg(key) INTO ending FROM espalier.session WHERE key = ANY (looked_at) AND deadline <= at;
    PERFORM espalier.conclude(ending, NULL, at);
  END IF;
  RETURN has_more OR swept = 1000 OR cardinality(looked_at) = 200;
END
$body$;

-- What is asked by those who look after a store.
CREATE OR REPLACE FUNCTION espalier.count() RETURNS bigint LANGUAGE sql STABLE AS $body$
  SELECT count(*) FROM espalier.session
$body$;

CREATE OR REPLACE FUNCTION espalier.read(this_key text, given double precision) RETURNS json
LANGUAGE sql VOLATILE SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
  SELECT espalier.alive(this_key, NULL, espalier.moment(given))
$body$;

CREATE OR REPLACE FUNCTION espalier.count_ends() RETURNS json LANGUAGE sql STABLE AS $body$
  SELECT json_build_object('waiting', count(*) FILTER (WHERE NOT is_parked), 'parked', count(*) FILTER (WHERE is_parked))
  FROM espalier.kept
$body$;

CREATE OR REPLACE FUNCTION espalier.erase_ends(this_user text, most integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = 1500 AS $body$
DECLARE
  erased integer;
BEGIN
  DELETE FROM espalier.kept WHERE key = ANY (ARRAY(SELECT key FROM espalier.kept WHERE session->>'user' = this_user LIMIT most));
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.keep_ends(span double precision, given double precision) RETURNS void
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
BEGIN
  -- Asked for each second, written once a day. The row may have been taken away, with all the others, while a process was running.
  INSERT INTO espalier.state AS there (version, keep_until) VALUES (espalier.version(), espalier.moment(given) + span)
  ON CONFLICT (one) DO UPDATE SET keep_until = excluded.keep_until
  WHERE there.keep_until < excluded.keep_until - 86400000;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.take_ends(most double precision, lease double precision, given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  at double precision := espalier.moment(given);
  answer json;
BEGIN
  WITH chosen AS (
    SELECT key FROM espalier.kept WHERE NOT is_parked AND due_at <= at ORDER BY place LIMIT most::bigint FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE espalier.kept SET attempts = attempts + 1, due_at = at + lease FROM chosen WHERE kept.key = chosen.key
    RETURNING kept.*
  )
  SELECT json_agg(json_build_object('key', key, 'reason', reason, 'endedAt', ended_at, 'attempts', attempts,
    'session', session) ORDER BY place) INTO answer FROM taken;
  RETURN coalesce(answer, '[]');
END
$body$;

CREATE OR REPLACE FUNCTION espalier.settle_end(this_key text, is_told boolean, retry_in double precision, given double precision) RETURNS void
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
BEGIN
  -- To be told again in a while; or never; or, when it is neither told nor to be tried again, when somebody asks.
  IF is_told THEN
    DELETE FROM espalier.kept WHERE key = this_key AND NOT is_parked;
  ELSE
    UPDATE espalier.kept SET is_parked = retry_in IS NULL, due_at = coalesce(espalier.moment(given) + retry_in, 0)
    WHERE key = this_key AND NOT is_parked;
  END IF;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.release_ends(most integer) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  released integer;
BEGIN
  UPDATE espalier.kept SET is_parked = false, attempts = 0, due_at = 0 WHERE key = ANY (ARRAY(
    SELECT key FROM espalier.kept WHERE is_parked ORDER BY place LIMIT most FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS released = ROW_COUNT;
  RETURN released;
END
$body$;

-- An end's number says nothing of when it was committed, so a mark is what the transactions of then could see: the ends between that and
-- what they see now are a portion, or several. The mark of one that others follow has both, and the last number that was given. A mark
-- that is ahead is of another server, or of what this one has lost: then all is told that the log has.
CREATE OR REPLACE FUNCTION espalier.ends_since(mark text, most integer) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  now pg_snapshot := pg_current_snapshot();
  since pg_snapshot := coalesce(split_part(mark, ' ', 1)::pg_snapshot, now);
  until pg_snapshot := coalesce(nullif(split_part(mark, ' ', 2), '')::pg_snapshot, now);
  last bigint := coalesce(nullif(split_part(mark, ' ', 3), ''), '0');
  read integer;
  ends json;
BEGIN
  IF pg_snapshot_xmax(since) > pg_snapshot_xmax(now) OR pg_snapshot_xmax(until) > pg_snapshot_xmax(now) THEN
    since := '1:1:';
    until := now;
    last := 0;
  END IF;
  SELECT count(*), max(id), json_agg(json_build_object('key', key, 'reason', reason) ORDER BY id) INTO read, last, ends FROM (
    SELECT id, key, reason FROM espalier.ended
    WHERE id > last AND transaction >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(transaction, since)
      AND pg_visible_in_snapshot(transaction, until) ORDER BY id LIMIT most
  ) AS portion;
  RETURN json_build_object('ends', coalesce(ends, '[]'), 'hasMore', read = most,
    'mark', CASE WHEN read = most THEN concat_ws(' ', since, until, last) ELSE until::text END);
END
$body$;

-- What processes of earlier releases call. Those of 0.1.0 know of no former uids.
CREATE OR REPLACE FUNCTION espalier.renew(this_key text, from_uid text, new_uid text, grace double precision, is_unsent boolean,
  this_user text, allowed double precision, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT espalier.renew(this_key, from_uid, new_uid, grace, is_unsent, this_user, allowed, NULL, NULL, NULL, given)
$body$;

CREATE OR REPLACE FUNCTION espalier.find(this_uid text, is_seen boolean, given double precision) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  answer json := espalier.look_up(this_uid, is_seen, given);
BEGIN
  RETURN CASE WHEN answer->'isFormer' IS NULL THEN answer END;
END
$body$;

CREATE OR REPLACE FUNCTION espalier.touch(this_key text, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT espalier.touch(this_key, NULL, given)
$body$;

CREATE OR REPLACE FUNCTION espalier.set_idle_timeout(this_key text, new_timeout double precision, given double precision) RETURNS json
LANGUAGE sql VOLATILE AS $body$ SELECT espalier.set_idle_timeout(this_key, new_timeout, NULL, given) $body$;

CREATE OR REPLACE FUNCTION espalier.write(this_key text, this_name text, expected bigint, new_text text, given double precision) RETURNS json
LANGUAGE sql VOLATILE AS $body$ SELECT espalier.write(this_key, this_name, expected, new_text, NULL, given) $body$;

CREATE OR REPLACE FUNCTION espalier.renew(this_key text, old_uid text, new_uid text, grace double precision, this_user text,
  allowed double precision, given double precision) RETURNS json
LANGUAGE plpgsql SET lock_timeout = 1500 SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
DECLARE
  answer json := espalier.renew(this_key, old_uid, new_uid, grace, false, this_user, allowed, given);
BEGIN
  RETURN CASE WHEN answer->'isFormer' IS NULL THEN answer ELSE espalier.alive(this_key, NULL, espalier.moment(given)) END;
END
$body$;

CREATE OR REPLACE FUNCTION espalier."end"(this_key text, why text, given double precision) RETURNS boolean
LANGUAGE sql VOLATILE AS $body$ SELECT espalier."end"(this_key, why, NULL, given) $body$;

CREATE OR REPLACE FUNCTION espalier.release_ends() RETURNS integer LANGUAGE sql VOLATILE AS $body$ SELECT espalier.release_ends(NULL) $body$;

CREATE OR REPLACE FUNCTION espalier.list(this_user text, given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT espalier.list(this_user, NULL, NULL, NULL, given)->'records'
$body$;

CREATE OR REPLACE FUNCTION espalier.end_all(this_user text, why text, except_key text, given double precision) RETURNS integer
LANGUAGE sql VOLATILE AS $body$ SELECT (espalier.end_all(this_user, why, except_key, NULL, NULL, given)->>'count')::integer $body$;

CREATE OR REPLACE FUNCTION espalier.create(this_uid text, is_secure boolean, idle_timeout double precision, absolute_timeout double precision,
  given double precision) RETURNS json LANGUAGE sql VOLATILE AS $body$
  SELECT espalier.create(this_uid, is_secure, idle_timeout, absolute_timeout, NULL, given)
$body$;

CREATE OR REPLACE FUNCTION espalier.sweep(most integer, given double precision) RETURNS integer LANGUAGE sql VOLATILE AS $body$
  SELECT CASE WHEN espalier.sweep(given) THEN most ELSE 0 END
$body$;

-- One statement, so that the snapshot which is given is the one that the ends were read in.
CREATE OR REPLACE FUNCTION espalier.hear(since pg_snapshot) RETURNS json
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $body$
BEGIN
  IF pg_snapshot_xmax(since) > pg_snapshot_xmax(pg_current_snapshot()) THEN
    since := '1:1:';
  END IF;
  RETURN json_build_object('seen', pg_current_snapshot()::text, 'ends', coalesce((
    SELECT json_agg(json_build_array(key, reason) ORDER BY id) FROM espalier.ended
    WHERE transaction >= pg_snapshot_xmin(since) AND NOT pg_visible_in_snapshot(transaction, since)
  ), '[]'));
END
$body$;
