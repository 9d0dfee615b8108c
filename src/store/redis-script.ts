import {createHash} from 'node:crypto';

/** A program that runs inside Redis, in one step. */
export interface RedisScript {
  /** Its first argument. */
  readonly operation: string;
  readonly source: string;
  readonly sha1: string;
}

// How everything is kept, `base` being `{prefix}:`, whose braces put all of a store's keys into one slot of a cluster:
//   s:<key>        hash    a session: its fields, `a:<uid>` = until when a former uid finds it, `c:<name>` = revision:text
//   u:<uid>        string  the key of a session that has, or had, this uid besides its key
//   of:<user>      zset    the keys of a user's sessions in the order of their sign-ins
//   deadlines      zset    the keys of all sessions by their deadlines
//   ended          stream  ends of the last minute, for those who listen
//   keep-ends      string  until when ends are kept
//   outbox         stream  kept ends, each until it is told, in their order: `key`, `reason` and the moment, `ended`
//   k:<key>        hash    the session of a kept end as it was, with its `entry` in the outbox and its `attempts`
//   handed         string  the last entry of the outbox that was handed out
//   later          zset    the entries that were handed out, by when they may be again; `inf` for those set aside
//
// Which session a uid stands for, or who the sessions of a user are, is known only inside; so one key is declared, the
// base, and the others are made of it. A cluster finds them all in that key's slot.
//
// The session's deadlines and gainsEnough are those of src/session/lifetime.ts, told once more.
const program = `
local base, clock, latest = KEYS[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local real = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = tonumber(clock) or real

-- A call that was held up on its way is not wanted any more: its caller has been told that it failed.
if latest ~= '' and real > tonumber(latest) then return {string.format('%.0f', real), 'late'} end

local hour, week = 3600000, 604800000
local corrupt, taken = {}, {}
local ops = {}

-- Never with an exponent, for moments at least.
local function text(number)
  return string.format('%.17g', number)
end

local function number(value)
  local n = tonumber(value)
  return n and n >= 0 and n < math.huge and n or nil
end

local function load(key)
  local at = base .. 's:' .. key
  local f = redis.pcall('HMGET', at, 'uid', 'secure', 'idle', 'absolute', 'created', 'seen', 'revision', 'user', 'authenticated')
  if f.err then error(corrupt) end
  if not f[1] and redis.call('EXISTS', at) == 0 then return nil end
  local s = {key = key, at = at, uid = f[1], user = f[8]}
  s.idle, s.absolute, s.created, s.seen = number(f[3]), number(f[4]), number(f[5]), number(f[6])
  s.authenticated = number(f[9])
  local isWhole = s.uid and f[2] and s.idle and s.absolute and s.created and s.seen and number(f[7])
  if not isWhole or (f[9] and not s.authenticated) then error(corrupt) end
  return s
end

local function absoluteDeadline(s)
  return (s.authenticated or s.created) + s.absolute
end

local function idleDeadline(s)
  return math.min(s.seen + s.idle, absoluteDeadline(s))
end

local function timeoutReason(s)
  return idleDeadline(s) < absoluteDeadline(s) and 'idle' or 'absolute'
end

-- A uid may stand for another session by now.
local function forget(uid, key)
  if redis.call('GET', base .. 'u:' .. uid) == key then redis.call('DEL', base .. 'u:' .. uid) end
end

local function aliases(s)
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', s.at)) do
    if string.sub(field, 1, 2) == 'a:' then found[#found + 1] = string.sub(field, 3) end
  end
  return found
end

-- The entry of a kept end in the outbox, if it can be read.
local function entryOf(key)
  local id = redis.pcall('HGET', base .. 'k:' .. key, 'entry')
  return type(id) == 'string' and id or nil
end

local function drop(key, id)
  redis.call('XDEL', base .. 'outbox', id)
  redis.call('ZREM', base .. 'later', id)
  redis.call('DEL', base .. 'k:' .. key)
end

local function keep(s, reason)
  local kept, former = base .. 'k:' .. s.key, entryOf(s.key)
  if former then drop(s.key, former) end
  redis.call('RENAME', s.at, kept)
  redis.call('PERSIST', kept)
  local id = redis.call('XADD', base .. 'outbox', '*', 'key', s.key, 'reason', reason, 'ended', text(now))
  redis.call('HSET', kept, 'entry', id, 'attempts', '0')
end

local function finish(s, reason)
  for _, uid in ipairs(aliases(s)) do forget(uid, s.key) end
  forget(s.uid, s.key)
  redis.call('ZREM', base .. 'deadlines', s.key)
  if s.user then redis.call('ZREM', base .. 'of:' .. s.user, s.key) end
  if now < (number(redis.call('GET', base .. 'keep-ends')) or 0) then keep(s, reason) else redis.call('DEL', s.at) end
  redis.call('XADD', base .. 'ended', 'MINID', '=', text(real - 60000), '*', 'key', s.key, 'reason', reason)
  redis.call('PEXPIRE', base .. 'ended', 120000)
end

-- The session, unless its deadline has passed; then it ends here, before the sweep comes to it.
local function live(key)
  local s = load(key)
  if not s or now < idleDeadline(s) then return s end
  finish(s, timeoutReason(s))
  return nil
end

-- For those who go over many sessions: of them one that can't be read must not keep the others waiting.
local function attempt(act, key)
  local isDone, result = pcall(act, key)
  if isDone then return result, false end
  if result ~= corrupt then error(result) end
  return nil, true
end

local function isFoundBy(s, uid)
  return s.uid == uid or now < (number(redis.call('HGET', s.at, 'a:' .. uid)) or 0)
end

local function byUid(uid)
  local s = live(uid)
  if s and isFoundBy(s, uid) then return s end
  local key = redis.call('GET', base .. 'u:' .. uid)
  s = key and live(key)
  return s and isFoundBy(s, uid) and s or nil
end

local function refuseTaken(uid)
  if live(uid) or byUid(uid) then error(taken) end
end

local function record(s)
  return s and {text(now), s.key, redis.call('HGETALL', s.at)} or {}
end

local function schedule(s)
  redis.call('ZADD', base .. 'deadlines', text(idleDeadline(s)), s.key)
end

-- What Redis deletes by itself it tells nobody of. So that comes long after the sweep should have: when all processes
-- were down for a week, or for what has been forgotten.
local function outlast(s)
  local rest = text(math.min(math.max(math.floor(absoluteDeadline(s) - now), 0) + week, 100 * 52 * week))
  redis.call('PEXPIRE', s.at, rest)
  if s.uid ~= s.key then redis.call('PEXPIRE', base .. 'u:' .. s.uid, rest) end
  local of = s.user and base .. 'of:' .. s.user
  if of and redis.call('PTTL', of) < tonumber(rest) then redis.call('PEXPIRE', of, rest) end
end

local function see(s)
  if now - s.seen <= s.idle / 20 then return end
  s.seen = now
  redis.call('HSET', s.at, 'seen', text(now))
  schedule(s)
end

local function sessionsOf(user)
  local sessions, of = {}, base .. 'of:' .. user
  for _, key in ipairs(redis.call('ZRANGE', of, 0, -1)) do
    local s, isCorrupt = attempt(live, key)
    if s and s.user == user then
      sessions[#sessions + 1] = s
    elseif not isCorrupt then
      redis.call('ZREM', of, key)
    end
  end
  return sessions
end

local function rename(s, uid, grace)
  refuseTaken(uid)
  for _, alias in ipairs(aliases(s)) do
    if not isFoundBy(s, alias) then
      redis.call('HDEL', s.at, 'a:' .. alias)
      forget(alias, s.key)
    end
  end
  redis.call('HSET', s.at, 'uid', uid, 'a:' .. s.uid, text(now + grace))
  redis.call('PEXPIRE', base .. 'u:' .. s.uid, text(math.floor(grace) + hour))
  if uid ~= s.key then redis.call('SET', base .. 'u:' .. uid, s.key) end
  s.uid = uid
end

local function signIn(s, user, limit)
  s.user, s.authenticated = user, math.max(now, s.authenticated or s.created)
  redis.call('HSET', s.at, 'user', user, 'authenticated', text(s.authenticated))
  local of = base .. 'of:' .. user
  local last = redis.call('ZREVRANGE', of, 0, 0, 'WITHSCORES')
  redis.call('ZADD', of, text(math.max(s.authenticated, (tonumber(last[2]) or 0) + 1)), s.key)
  local sessions = sessionsOf(user)
  for i = 1, #sessions - limit do finish(sessions[i], 'replaced') end
end

function ops.create(uid, secure, idle, absolute)
  refuseTaken(uid)
  local s = {key = uid, at = base .. 's:' .. uid, uid = uid, idle = tonumber(idle), absolute = tonumber(absolute)}
  s.created, s.seen = now, now
  redis.call('HSET', s.at, 'uid', uid, 'secure', secure, 'idle', idle, 'absolute', absolute, 'created', text(now),
    'seen', text(now), 'revision', '0')
  schedule(s)
  outlast(s)
  return record(s)
end

function ops.find(uid, isSeen)
  local s = byUid(uid)
  if s and isSeen == '1' then see(s) end
  return record(s)
end

function ops.touch(key)
  local s = live(key)
  if s then see(s) end
  return record(s)
end

function ops.write(key, name, expected, content)
  local s = live(key)
  if not s then return {'gone'} end
  local current = redis.call('HGET', s.at, 'c:' .. name)
  local revision = current and string.match(current, '^(%d+):')
  if current and not revision then error(corrupt) end
  if tonumber(revision or '0') ~= tonumber(expected) then return {'conflict', current or ''} end
  if not content then
    redis.call('HDEL', s.at, 'c:' .. name)
    return {'written', '0'}
  end
  revision = text(redis.call('HINCRBY', s.at, 'revision', 1))
  redis.call('HSET', s.at, 'c:' .. name, revision .. ':' .. content)
  return {'written', revision}
end

function ops.renew(key, from, to, grace, user, limit)
  local s = live(key)
  if not s or (user and s.user and s.user ~= user) then return record(s) end
  if s.uid == from or (user and not s.user) then rename(s, to, tonumber(grace)) end
  if user then signIn(s, user, tonumber(limit)) end
  see(s)
  schedule(s)
  outlast(s)
  return record(s)
end

function ops.setIdleTimeout(key, idle)
  local s = live(key)
  if not s then return {} end
  s.idle, s.seen = tonumber(idle), math.max(s.seen, now)
  redis.call('HSET', s.at, 'idle', idle, 'seen', text(s.seen))
  schedule(s)
  return record(s)
end

function ops.endOne(key, reason)
  local s = live(key)
  if s then finish(s, reason) end
  return s and 1 or 0
end

function ops.list(user)
  local records = {}
  for i, s in ipairs(sessionsOf(user)) do records[i] = record(s) end
  return records
end

function ops.endAll(user, reason, except)
  local count = 0
  for _, s in ipairs(sessionsOf(user)) do
    if s.key ~= except then
      finish(s, reason)
      count = count + 1
    end
  end
  return count
end

-- What can't be read is taken off the list, and so is not in the way the next time; it stays where it is.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', base .. 'deadlines', '-inf', text(now), 'LIMIT', 0, 100)
  for _, key in ipairs(due) do
    local s = attempt(load, key)
    if not s then
      redis.call('ZREM', base .. 'deadlines', key)
    elseif now < idleDeadline(s) then
      schedule(s)
    else
      finish(s, timeoutReason(s))
    end
  end
  return #due
end

function ops.mark()
  local last = redis.call('XREVRANGE', base .. 'ended', '+', '-', 'COUNT', 1)[1]
  return last and last[1] or '0-0'
end

function ops.tick(mark)
  local swept = sweep()
  return {swept, mark and redis.call('XRANGE', base .. 'ended', '(' .. mark, '+', 'COUNT', 1000) or {}}
end

function ops.keepEnds()
  redis.call('SET', base .. 'keep-ends', text(now + week), 'PX', week)
end

-- The fields of an entry by their place, or nothing if it is not there any more.
local function entryBy(id)
  local entry = redis.call('XRANGE', base .. 'outbox', id, id)[1]
  if not entry then redis.call('ZREM', base .. 'later', id) end
  return entry and entry[2]
end

-- A consumer group would not do: its idle time is by the server's clock and one for all, and it knows no back-off.
local function handOut(id, entry, lease)
  local key, kept = entry[2], base .. 'k:' .. entry[2]
  local isWhole = entryOf(key) == id and type(redis.pcall('HINCRBY', kept, 'attempts', 1)) == 'number'
  redis.call('ZADD', base .. 'later', isWhole and text(now + tonumber(lease)) or 'inf', id)
  return isWhole and {entry[6], key, redis.call('HGETALL', kept), entry[4], id} or nil
end

-- What is due again is older than what has not been handed out yet.
function ops.takeEnds(count, lease)
  local ends = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'later', '-inf', text(now), 'LIMIT', 0, count)) do
    local entry = entryBy(id)
    ends[#ends + 1] = entry and handOut(id, entry, lease)
  end
  local handed = redis.call('GET', base .. 'handed') or '0-0'
  local new = redis.call('XRANGE', base .. 'outbox', '(' .. handed, '+', 'COUNT', count - #ends) or {}
  for _, entry in ipairs(new) do ends[#ends + 1] = handOut(entry[1], entry[2], lease) end
  if new[1] then redis.call('SET', base .. 'handed', new[#new][1]) end
  return ends
end

function ops.settleEnd(key, outcome, retryIn)
  local id, later = entryOf(key), base .. 'later'
  if not id or redis.call('ZSCORE', later, id) == 'inf' then return end
  if outcome == 'told' then return drop(key, id) end
  redis.call('ZADD', later, 'XX', outcome == 'parked' and 'inf' or text(now + tonumber(retryIn)), id)
end

function ops.releaseEnds()
  local ids = redis.call('ZRANGEBYSCORE', base .. 'later', 'inf', 'inf')
  for _, id in ipairs(ids) do
    redis.call('ZADD', base .. 'later', 0, id)
    local entry = entryBy(id)
    if entry then redis.pcall('HSET', base .. 'k:' .. entry[2], 'attempts', '0') end
  end
  return #ids
end

`;

const dispatch = `
local isDone, result = pcall(ops[ARGV[1]], unpack(ARGV, 4))
if isDone then return {text(real), 'done', result} end
if result == corrupt then return {text(real), 'corrupt'} end
if result == taken then return {text(real), 'taken'} end
error(result)
`;

const [beginning, ...functions] = program.split(/^(?=local function |function ops)/m) as [string, ...string[]];

/** The part of the program that an operation needs: Redis makes every function of a script anew each time it runs. */
function partFor(operation: string): string {
  let part = dispatch;
  for (const definition of functions.toReversed()) {
    const [, name, ofOperation] = /^(?:local function (\w+)|function ops\.(\w+))/.exec(definition)!;
    if (ofOperation === operation || new RegExp(`\\b${name}\\(|\\b${name},`).test(part)) part = definition + part;
  }
  return beginning + part;
}

/** What makes a store grow: refused while Redis is at its memory limit. What is there can be found, and can end, even then. */
const growing: ReadonlySet<string> = new Set(['create', 'write', 'renew']);

function scriptFor(operation: string): RedisScript {
  // With a first line like this none of them runs on a replica, not even to read: what is there may have ended.
  const source = `#!lua${growing.has(operation) ? '' : ' flags=allow-oom'}\n${partFor(operation)}`;
  return {operation, source, sha1: createHash('sha1').update(source).digest('hex')};
}

/** A script for each operation, by its name. */
export const scripts: ReadonlyMap<string, RedisScript> = new Map(
  functions
    .map(definition => /^function ops\.(\w+)/.exec(definition)?.[1])
    .filter(operation => operation !== undefined)
    .map(operation => [operation, scriptFor(operation)]),
);
