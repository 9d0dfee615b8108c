-- How everything is kept. A store has one partition, whose `base` is `{prefix}:`, or several, each with a base
-- `{prefix{<tag>}:`, as src/store/redis-partitions.ts says. The braces put all of a partition's keys into one slot of a
-- cluster. A session lies in one partition with all that belongs to it:
--   s:<key>        hash    a session: its fields, `ids` once it has another uid than its key, and when they were seen in
--                          `sights`, `c:<name>` = revision:text
--   u:<uid>        string  the key of the session that has this uid besides its key; of a uid that a session had, the
--                          key, until when it found that, and until when that is remembered, each on a line
--   sessions       zset    the keys of all sessions in the order of their beginnings
--   begun          string  how many have begun
--   deadlines      zset    the keys of all sessions by their deadlines, each with its user after a line break, if it
--                          has one
--   ended          stream  ends of the last minute, for those who listen
--   keep-ends      string  until when ends are kept
--   outbox         stream  kept ends, each until it is told, in their order: `key`, `reason` and the moment, `ended`
--   k:<key>        hash    the session of a kept end as it was, with its `entry` in the outbox and its `attempts`
--   handed         string  the last entry of the outbox that was handed out
--   later          zset    the entries that were handed out, by when they may be again; `inf` for those set aside
-- The list of a user lies in the partition of their name, wherever their sessions lie:
--   of:<user>      zset    the keys of a user's sessions in the order of their sign-ins
--   listed         zset    where there are several partitions, keys with their user, by when to see whether they are there
-- With the base `{prefix}:`, however many partitions there are:
--   store          hash    the `format` of all this, and how many `partitions` there are
--
-- What has an expiry may be evicted under a policy `volatile-*`, and is deleted by Redis when nobody has swept for long:
--   s:<key>        the session is gone, without an end; the lists let go of it when it is looked at, or swept
--   u:<uid>        the session is there, listed, and ends with the others of its user; its visitor does not find it any
--                  more. Of a former one: a request that was on its way with it is taken for one with an id that nobody
--                  knows
-- Nothing else has one. Without of:<user> a live session would be missed by whoever ends all of its user; without
-- deadlines one would not end in time; without the others ends would not be heard, not be told, or told twice.
--
-- Which session a uid stands for, or who the sessions of a user are, is known only inside; so one key is declared, the
-- base, and the others are made of it. A cluster finds them all in that key's slot.
--
-- The session's deadlines and gainsEnough are those of src/session/store/lifetime.ts, told once more.
local base, clock, latest = KEYS[1], ARGV[2], ARGV[3]
local seconds, micros = unpack(redis.call('TIME'))
local real = tonumber(seconds) * 1000 + math.floor(tonumber(micros) / 1000)
local now = tonumber(clock) or real

-- A call that was held up on its way is not wanted any more: its caller has been told that it failed.
if latest ~= '' and real > tonumber(latest) then return {string.format('%.0f', real), 'late'} end

local minute, day, week = 60000, 86400000, 604800000
local corrupt, taken = {err = 'CORRUPT record'}, {err = 'TAKEN uid'}
local ops, appended = {}, 0

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
  local f = redis.pcall('HMGET', at, 'uid', 'secure', 'idle', 'absolute', 'created', 'seen', 'revision', 'user',
    'authenticated', 'ids', 'sights')
  if f.err then error(corrupt) end
  if not f[1] and redis.call('EXISTS', at) == 0 then return nil end
  local s = {key = key, at = at, uid = f[1], user = f[8], ids = f[10], sights = f[11]}
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

-- The uids as release 0.1.0 has them: a field for each but the newest, with until when it finds the session. Processes of that release
-- may run beside this one, so the fields are written for them too.
local function idsByFields(s)
  local ids = {}
  for _, field in ipairs(redis.call('HKEYS', s.at)) do
    local till = string.sub(field, 1, 2) == 'a:' and number(redis.call('HGET', s.at, field))
    local uid = string.sub(field, 3)
    if till and now < till then ids[#ids + 1] = {uid = uid, issued = s.created, grace = 0, till = till, seen = 0} end
  end
  table.sort(ids, function(one, other) return one.till < other.till end)
  while #ids >= limits.mostIds do table.remove(ids, 1) end
  ids[#ids + 1] = {uid = s.uid, issued = s.created, grace = 0}
  return ids
end

-- The uids that find a session, or did so a moment ago, in the order in which they were given: src/session/store/ids.ts,
-- told once more. An id without 'till' has nothing that comes after it and was seen. Releases before know nothing of
-- 'sights', which has nothing of theirs; what they gave goes as it went there.
local function idsOf(s)
  local ids, sights = {}, {}
  for uid, seen in string.gmatch(s.sights or '', '([^\n]*)\n([^\n]*)\n') do sights[uid] = seen end
  for uid, issued, grace, till in string.gmatch(s.ids or '', '([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n') do
    local seen = tonumber(sights[uid] or 0)
    ids[#ids + 1] = {uid = uid, issued = tonumber(issued), grace = tonumber(grace), till = tonumber(till), seen = seen}
  end
  if #ids > 0 and ids[#ids].uid == s.uid then return ids end
  if s.uid == s.key then return {{uid = s.uid, issued = s.created, grace = 0}} end
  return idsByFields(s)
end

local function saveIds(s, ids)
  local lines, sights, fields, gone = {}, {}, {}, {}
  for _, id in ipairs(idsOf(s)) do gone['a:' .. id.uid] = true end
  for i, id in ipairs(ids) do
    sights[i] = id.uid .. '\n' .. (id.seen and text(id.seen) or '') .. '\n'
    local till = id.till and text(id.till) or ''
    lines[i] = id.uid .. '\n' .. text(id.issued) .. '\n' .. text(id.grace) .. '\n' .. till .. '\n'
    if i < #ids then
      local field = 'a:' .. id.uid
      gone[field] = nil
      fields[#fields + 1] = field
      fields[#fields + 1] = text(id.till or idleDeadline(s))
    end
  end
  s.ids, s.sights, s.uid = table.concat(lines), table.concat(sights), ids[#ids].uid
  redis.call('HSET', s.at, 'uid', s.uid, 'ids', s.ids, 'sights', s.sights, unpack(fields))
  for field in pairs(gone) do redis.call('HDEL', s.at, field) end
end

local function finds(id)
  return not id.till or now < id.till
end

-- A uid that does not find a session any more, for requests that were on their way with it.
local function remember(uid, key, till)
  local forgetAt = math.max(till, now) + limits.formerIdsFor
  local value = key .. '\n' .. text(till) .. '\n' .. text(forgetAt)
  redis.call('SET', base .. 'u:' .. uid, value, 'PX', text(math.ceil(forgetAt - now) + minute))
end

-- An entry of a stream. Its id has the microseconds, for the order of ends in several partitions.
local function append(stream, ...)
  appended = appended + 1
  local id = string.format('%.0f-%d', real, micros % 1000 * 1000 + appended)
  local added = redis.pcall('XADD', base .. stream, id, ...)
  -- The clock was put back.
  return added.err and redis.call('XADD', base .. stream, '*', ...) or added
end

-- The entry of a kept end in the outbox, if it can be read.
local function entryOf(key)
  local id = redis.pcall('HGET', base .. 'k:' .. key, 'entry')
  return type(id) == 'string' and id or nil
end

local function forgetEnd(key, id)
  redis.call('XDEL', base .. 'outbox', id)
  redis.call('ZREM', base .. 'later', id)
  redis.call('DEL', base .. 'k:' .. key)
end

local function keep(s, reason)
  local kept, former = base .. 'k:' .. s.key, entryOf(s.key)
  if former then forgetEnd(s.key, former) end
  redis.call('RENAME', s.at, kept)
  redis.call('PERSIST', kept)
  local id = append('outbox', 'key', s.key, 'reason', reason, 'ended', text(now))
  redis.call('HSET', kept, 'entry', id, 'attempts', '0')
end

-- The user is there for the sweep: what Redis has deleted by itself can't be asked whose it was.
local function memberOf(s)
  return s.user and s.key .. '\n' .. s.user or s.key
end

local function conclude(s, reason)
  local isRemembered = reason == 'logout' or reason == 'revoked' or reason == 'replaced'
  for _, id in ipairs(idsOf(s)) do
    if isRemembered then
      remember(id.uid, s.key, math.min(id.till or now, now))
    else
      redis.call('DEL', base .. 'u:' .. id.uid)
    end
  end
  redis.call('ZREM', base .. 'deadlines', s.key, memberOf(s))
  redis.call('ZREM', base .. 'sessions', s.key)
  if s.user then redis.call('ZREM', base .. 'of:' .. s.user, s.key) end
  if now < (number(redis.call('GET', base .. 'keep-ends')) or 0) then keep(s, reason) else redis.call('DEL', s.at) end
  append('ended', 'key', s.key, 'reason', reason)
end

-- The session, unless its deadline has passed; then it ends here, before the sweep comes to it.
local function live(key)
  local s = load(key)
  if not s or now < idleDeadline(s) then return s end
  conclude(s, timeoutReason(s))
  return nil
end

-- For those who go over many sessions: of them one that can't be read must not keep the others waiting.
local function attempt(act, key)
  local isDone, result = pcall(act, key)
  if isDone then return result, false end
  -- Redis makes the text of an error out of it.
  if result ~= corrupt.err then error({err = result}) end
  return nil, true
end

-- The live session that a uid finds; or else the key of the one that it found, and until when.
local function lookUp(uid)
  local value = redis.call('GET', base .. 'u:' .. uid) or uid
  local key, till, forgetAt = string.match(value, '^(.*)\n(.*)\n(.*)$')
  if key then return nil, now < tonumber(forgetAt) and {key = key, till = tonumber(till)} or nil end
  local s = live(value)
  for _, id in ipairs(s and idsOf(s) or {}) do
    if id.uid == uid and finds(id) then return s end
    if id.uid == uid and now < id.till + limits.formerIdsFor then return nil, {key = s.key, till = id.till} end
  end
end

local function refuseTaken(uid)
  if live(uid) or lookUp(uid) then error(taken) end
end

local function former(id)
  return {text(now), id.key, text(id.till)}
end

local function record(s)
  return s and {text(now), s.key, redis.call('HGETALL', s.at)} or {}
end

local function schedule(s)
  redis.call('ZADD', base .. 'deadlines', text(idleDeadline(s)), memberOf(s))
end

-- A user's list never expires, and lacks none of their sessions that is in use, whatever has become of it. No two of them
-- have one place in it.
local function enlist(user, key, place)
  local of = base .. 'of:' .. user
  redis.call('PERSIST', of)
  if redis.call('ZSCORE', of, key) then return end
  while redis.call('ZCOUNT', of, text(place), text(place)) > 0 do place = place + 1 end
  redis.call('ZADD', of, text(place), key)
end

local function enlistLast(user, key, place)
  local of = base .. 'of:' .. user
  local last = redis.call('ZREVRANGE', of, 0, 0, 'WITHSCORES')
  redis.call('ZADD', of, text(math.max(place, (tonumber(last[2]) or 0) + 1)), key)
  redis.call('PERSIST', of)
end

-- Whether there are several partitions. Then the list of a user may lie in another one.
local function isSpread()
  return string.find(base, '{', 2, true) ~= nil
end

-- What Redis deletes by itself it tells nobody of. So that comes long after the sweep should have: when all processes
-- were down for a week, or for what has been forgotten.
local function outlast(s)
  local rest = text(math.min(math.max(math.floor(absoluteDeadline(s) - now), 0) + week, 100 * 52 * week))
  redis.call('PEXPIRE', s.at, rest)
  for _, id in ipairs(idsOf(s)) do redis.call('PEXPIRE', base .. 'u:' .. id.uid, rest) end
end

local function register(s)
  if redis.call('ZSCORE', base .. 'sessions', s.key) then return end
  redis.call('ZADD', base .. 'sessions', redis.call('INCR', base .. 'begun'), s.key)
end

local function see(s)
  if now - s.seen <= math.min(s.idle / 20, limits.furthestBehind) then return end
  s.seen = now
  redis.call('HSET', s.at, 'seen', text(now))
  schedule(s)
  register(s)
  if s.user and not isSpread() then enlist(s.user, s.key, s.authenticated or s.created) end
end

-- Somebody has come with this uid: it lasts, unless it is on its way out; the grace begins of those that were given before
-- it, unless they were seen so lately that the browser may have them.
local function sight(s, uid)
  if not s.ids then return end
  local ids, isChanged = idsOf(s), false
  if #ids == 1 then return end
  for _, id in ipairs(ids) do
    if id.uid == uid then
      if not id.seen or (id.seen > 0 and id.till) then id.seen, id.till, isChanged = now, nil, true end
      break
    end
    if not id.till and now >= (id.seen or 0) + id.grace then id.till, isChanged = now + id.grace, true end
  end
  if isChanged then saveIds(s, ids) end
end

-- The uids of a session once it has been given another, and those that it has no more. Where it has as many as it may, one
-- makes way: for who signs in again the first that was never seen. For a renewal none does while all may still be on their
-- way.
local function idsAfterRenewal(ids, from, to, grace, isUnsent, isAgain)
  local kept, before, newest = {}, {}, nil
  for _, id in ipairs(ids) do
    if not finds(id) then
      before[#before + 1] = id
    else
      newest = id
      if not isUnsent or id.uid ~= from then kept[#kept + 1] = id end
    end
  end
  if #kept >= limits.mostIds then
    local place = kept[1].uid == from and 2 or 1
    if not isAgain and newest.uid ~= from and now < kept[place].issued + grace then return nil end
    for i = #kept - 1, 1, -1 do
      if isAgain and not kept[i].seen then place = i end
    end
    local surplus = table.remove(kept, place)
    surplus.till = isAgain and now + grace or now
    before[#before + 1] = surplus
  end
  for _, id in ipairs(kept) do
    if not id.till then id.grace = grace end
    if id.uid == from then id.seen = 0 end
  end
  kept[#kept + 1] = {uid = to, issued = now, grace = 0}
  return kept, before
end

local function idsAfterSignIn(ids, from, to, grace, isUnsent)
  local before = {}
  for _, id in ipairs(ids) do
    if finds(id) then id.till = now + grace end
    if not isUnsent or id.uid ~= from then before[#before + 1] = id end
  end
  return {{uid = to, issued = now, grace = 0}}, before
end

local function rename(s, ids, before)
  local uid = ids[#ids].uid
  refuseTaken(uid)
  local stays = {}
  for _, id in ipairs(ids) do stays[id.uid] = true end
  for _, id in ipairs(idsOf(s)) do
    if not stays[id.uid] then redis.call('DEL', base .. 'u:' .. id.uid) end
  end
  for _, id in ipairs(before) do remember(id.uid, s.key, id.till) end
  redis.call('SET', base .. 'u:' .. uid, s.key)
  saveIds(s, ids)
end

-- The eviction policy, if the access rules let it be read.
local function evictionPolicy()
  local info = redis.pcall('INFO', 'memory')
  return type(info) == 'string' and string.match(info, 'maxmemory_policy:(%S+)') or ''
end

local function refuseEvicting()
  local policy = evictionPolicy()
  if string.sub(policy, 1, 7) == 'allkeys' then error({err = 'EVICTING ' .. policy}) end
end

-- Those of a user that are past their deadline and not swept yet: they are in nobody's place.
local function sweepUser(user)
  local ending = '\n' .. user
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', base .. 'deadlines', '-inf', text(now), 'LIMIT', 0, 1000)) do
    if string.sub(member, -#ending) == ending then attempt(live, string.sub(member, 1, -#ending - 1)) end
  end
end

-- What is listed and not there any more leaves the list.
local function ofUser(user, key)
  local s, isCorrupt = attempt(live, key)
  if s and s.user == user then return s end
  if not isCorrupt then redis.call('ZREM', base .. 'of:' .. user, key) end
end

-- Of the sessions of a user only those past the limit are read.
local function replace(user, limit)
  local of = base .. 'of:' .. user
  if redis.call('ZCARD', of) <= limit then return end
  sweepUser(user)
  local surplus = math.min(redis.call('ZCARD', of) - limit, limits.mostReplaced)
  if surplus <= 0 then return end
  for _, key in ipairs(redis.call('ZRANGE', of, 0, surplus - 1)) do
    local s = ofUser(user, key)
    if s then conclude(s, 'replaced') end
  end
end

-- From now on it lasts for so long, which may be less.
local function last(s, idle, absolute, isRemembered)
  s.idle, s.absolute, s.seen = tonumber(idle), tonumber(absolute), math.max(s.seen, now)
  redis.call('HSET', s.at, 'idle', idle, 'absolute', absolute, 'seen', text(s.seen), 'remembered', isRemembered)
end

local function signIn(s, user, limit, ...)
  redis.call('ZREM', base .. 'deadlines', memberOf(s))
  if select('#', ...) > 0 then last(s, ...) end
  s.user, s.authenticated = user, math.max(now, s.authenticated and s.authenticated + 1 or s.created)
  redis.call('HSET', s.at, 'user', user, 'authenticated', text(s.authenticated))
  if isSpread() then return end
  enlistLast(user, s.key, s.authenticated)
  if limit then replace(user, limit) end
end

local function isAsOf(s, asOf)
  return asOf == '' or tonumber(asOf) == (s.authenticated or 0)
end

function ops.create(uid, secure, idle, absolute, device)
  refuseTaken(uid)
  local s = {key = uid, at = base .. 's:' .. uid, uid = uid, idle = tonumber(idle), absolute = tonumber(absolute)}
  s.created, s.seen = now, now
  redis.call('HSET', s.at, 'uid', uid, 'secure', secure, 'idle', idle, 'absolute', absolute, 'created', text(now),
    'seen', text(now), 'revision', '0')
  if device then redis.call('HSET', s.at, 'device', device) end
  redis.call('DEL', base .. 'u:' .. uid)
  register(s)
  schedule(s)
  outlast(s)
  return record(s)
end

function ops.find(uid, isSeen)
  local s, was = lookUp(uid)
  if not s then return was and former(was) or {} end
  sight(s, uid)
  if isSeen == '1' then see(s) end
  return record(s)
end

function ops.read(key)
  return record(live(key))
end

function ops.touch(key, asOf)
  local s = live(key)
  if not s or not isAsOf(s, asOf) then return {} end
  see(s)
  return record(s)
end

function ops.write(key, name, expected, asOf, content)
  local s = live(key)
  if not s then return {'gone'} end
  if not isAsOf(s, asOf) then return {'superseded'} end
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

-- By a uid of before a sign-in the same user gets a further one.
local function renewFormer(s, was, change, user)
  was = was or {key = s.key, till = now}
  local isSame = was.key == s.key and s.user and s.user == user and now < was.till
  local ids, before
  if isSame then ids, before = idsAfterRenewal(idsOf(s), change.from, change.to, change.grace, change.isUnsent, true) end
  if not ids then return former(was) end
  rename(s, ids, before)
  see(s)
  outlast(s)
  return record(s)
end

function ops.renew(key, from, to, grace, isUnsent, user, limit, ...)
  if user then refuseEvicting() end
  local s = live(key)
  if not s then return {} end
  local change = {from = from, to = to, grace = tonumber(grace), isUnsent = isUnsent == '1'}
  local found, was = lookUp(from)
  if not found or found.key ~= key then return renewFormer(s, was, change, user) end
  if user and s.user and s.user ~= user then return record(s) end
  local ids, before
  if user then
    ids, before = idsAfterSignIn(idsOf(s), from, to, change.grace, change.isUnsent)
  else
    ids, before = idsAfterRenewal(idsOf(s), from, to, change.grace, change.isUnsent)
  end
  if ids then rename(s, ids, before) end
  if user then signIn(s, user, tonumber(limit), ...) end
  see(s)
  schedule(s)
  outlast(s)
  return record(s)
end

function ops.setIdleTimeout(key, idle, asOf)
  local s = live(key)
  if not s or not isAsOf(s, asOf) then return {} end
  s.idle, s.seen = tonumber(idle), math.max(s.seen, now)
  redis.call('HSET', s.at, 'idle', idle, 'seen', text(s.seen))
  schedule(s)
  return record(s)
end

function ops.endOne(key, reason, asOf)
  local s = live(key)
  if not s or not isAsOf(s, asOf) then return 0 end
  conclude(s, reason)
  return 1
end

-- A page of a list, from a mark of two places in it: the last of the page before, and the last when the first was asked for.
-- Gives the mark of the next, if there may be one.
local function page(list, most, mark, last)
  local first, bound = string.match(mark, '^(%S+) (%S+)$')
  bound = bound or last
  local found = redis.call('ZRANGEBYSCORE', list, '(' .. (first or '-inf'), bound, 'WITHSCORES', 'LIMIT', 0, most)
  local keys = {}
  for i = 1, #found, 2 do keys[#keys + 1] = found[i] end
  return keys, #keys < tonumber(most) and '' or found[#found] .. ' ' .. bound, found
end

local function pageOf(user, most, mark)
  local of = base .. 'of:' .. user
  return page(of, most, mark, redis.call('ZREVRANGE', of, 0, 0, 'WITHSCORES')[2] or '0')
end

-- A session with those of its components that are asked for, or with all.
local function summary(s, names)
  if names[1] == 'all' then return record(s) end
  local fields = {'uid', 'secure', 'idle', 'absolute', 'created', 'seen', 'device', 'user', 'authenticated', 'remembered'}
  for _, name in ipairs(names) do fields[#fields + 1] = name end
  local flat, values = {}, redis.call('HMGET', s.at, unpack(fields))
  for i, name in ipairs(fields) do
    if values[i] then
      flat[#flat + 1] = name
      flat[#flat + 1] = values[i]
    end
  end
  return {text(now), s.key, flat}
end

function ops.list(user, most, mark, ...)
  local records, keys, more = {}, pageOf(user, most, mark)
  for _, key in ipairs(keys) do
    local s = ofUser(user, key)
    records[#records + 1] = s and summary(s, {...})
  end
  return {more, records}
end

function ops.endAll(user, reason, most, mark, except)
  local count, keys, more = 0, pageOf(user, most, mark)
  for _, key in ipairs(keys) do
    local s = key ~= except and ofUser(user, key)
    if s then
      conclude(s, reason)
      count = count + 1
    end
  end
  return {more, count}
end

function ops.bound()
  local begun = redis.call('EXISTS', base .. 'sessions') == 1 and redis.call('GET', base .. 'begun')
  return begun and '-inf ' .. begun or ''
end

-- What is listed and not there any more leaves the list.
local function everyone(most, mark)
  local found, keys, more = {}, page(base .. 'sessions', most, mark, redis.call('GET', base .. 'begun') or '0')
  for _, key in ipairs(keys) do
    local s, isCorrupt = attempt(live, key)
    found[#found + 1] = s
    if not s and not isCorrupt then redis.call('ZREM', base .. 'sessions', key) end
  end
  return found, more
end

function ops.listEveryone(most, mark, ...)
  local records, found, more = {}, everyone(most, mark)
  for i, s in ipairs(found) do records[i] = summary(s, {...}) end
  return {more, records}
end

function ops.endEveryone(most, mark, reason)
  local found, more = everyone(most, mark)
  for _, s in ipairs(found) do conclude(s, reason) end
  return {more, #found}
end

function ops.count()
  return redis.call('ZCARD', base .. 'sessions')
end

-- Where there are several partitions, a sign-in goes in steps. First the key gets its place in the list of the user; if there
-- are more than may be, all are handed back, to see which of them are there. Then those past the limit are ended where they
-- lie. Only then the session is signed in where it lies. So the list lacks none; what it has too much is seen where the
-- session lies, and stays in the list until nobody can be between these steps any more: for a minute.

-- Keys of a list, each with whether it came lately, so that its session may be about to be signed in.
local function withNews(found)
  for i = 2, #found, 2 do found[i] = tonumber(found[i]) > now - minute and '1' or '0' end
  return found
end

function ops.reserve(user, key, limit)
  local of = base .. 'of:' .. user
  enlistLast(user, key, now)
  redis.call('ZADD', base .. 'listed', text(now + day), key .. '\n' .. user)
  local count = redis.call('ZCARD', of)
  if not limit or count <= tonumber(limit) then return {count, {}} end
  return {count, withNews(redis.call('ZRANGE', of, 0, 999, 'WITHSCORES'))}
end

function ops.listed(user, most, mark)
  local _, more, found = pageOf(user, most, mark)
  return {more, withNews(found)}
end

-- Take off the list what was seen to be gone.
function ops.unlist(user, ...)
  for _, key in ipairs({...}) do
    local place = redis.call('ZSCORE', base .. 'of:' .. user, key)
    if place and tonumber(place) <= now - minute then
      redis.call('ZREM', base .. 'of:' .. user, key)
      redis.call('ZREM', base .. 'listed', key .. '\n' .. user)
    end
  end
end

-- For a session in use, in case that the list was lost.
function ops.enlist(user, key, place)
  enlist(user, key, tonumber(place))
  redis.call('ZADD', base .. 'listed', 'NX', text(now + day), key .. '\n' .. user)
end

-- What `act` makes of each session of a user, of pairs of a key and whether it came lately: then its session may be about to
-- be signed in, and counts as theirs. Without that one without a user is `early`. What can't be read is `here`.
local function eachOf(user, pairsOfKeys, act)
  local answers = {}
  for i = 1, #pairsOfKeys, 2 do
    local s, isCorrupt = attempt(live, pairsOfKeys[i])
    local isEarly = s and not s.user
    local isTheirs = s and (s.user == user or isEarly and pairsOfKeys[i + 1] == '1')
    answers[#answers + 1] = isTheirs and act(s) or isCorrupt and 'here' or isEarly and 'early' or 'gone'
  end
  return answers
end

function ops.look(user, ...)
  return eachOf(user, {...}, function() return 'here' end)
end

function ops.endThese(user, reason, ...)
  return eachOf(user, {...}, function(s)
    conclude(s, reason)
    return 'ended'
  end)
end

function ops.summaries(user, count, ...)
  local names, keys = {}, {...}
  for i = 1, count do names[i] = table.remove(keys, 1) end
  return eachOf(user, keys, function(s) return s.user and summary(s, names) or 'here' end)
end

-- Keys that were put into a list a day ago, with their user. They will be looked at again in a day.
local function listedForLong(most)
  local due = redis.call('ZRANGEBYSCORE', base .. 'listed', '-inf', text(now), 'LIMIT', 0, most)
  for _, member in ipairs(due) do redis.call('ZADD', base .. 'listed', text(now + day), member) end
  return due
end

-- What can't be read is taken off the list, and so is not in the way the next time; it stays where it is.
local function sweep(most)
  local due = redis.call('ZRANGEBYSCORE', base .. 'deadlines', '-inf', text(now), 'LIMIT', 0, most)
  for _, member in ipairs(due) do
    local key, user = string.match(member, '^(.*)\n(.*)$')
    key = key or member
    local s, isCorrupt = attempt(load, key)
    redis.call('ZREM', base .. 'deadlines', member)
    if not s then redis.call('ZREM', base .. 'sessions', key) end
    if s and now < idleDeadline(s) then
      schedule(s)
    elseif s then
      conclude(s, timeoutReason(s))
    elseif user and not isCorrupt then
      redis.call('ZREM', base .. 'of:' .. user, key)
    end
  end
  return #due
end

-- The ids of a stream never go back while it is there, even where the clock does: so it has no expiry. Then many of them are
-- of one time for a while, and it is their number that is bounded.
local function trim()
  redis.call('PERSIST', base .. 'ended')
  redis.call('XTRIM', base .. 'ended', 'MINID', '=', text(real - minute))
  redis.call('XTRIM', base .. 'ended', 'MAXLEN', '~', '100000')
end

function ops.sweep(most, asksForPolicy)
  trim()
  return {sweep(most), asksForPolicy == '1' and evictionPolicy() or '', listedForLong(most)}
end

local function isBefore(id, other)
  local ms, count = string.match(id, '^(%d+)-(%d+)$')
  local otherMs, otherCount = string.match(other, '^(%d+)-(%d+)$')
  if ms == otherMs then return tonumber(count) < tonumber(otherCount) end
  return tonumber(ms) < tonumber(otherMs)
end

-- What has ended since the mark, and the last of the log. Where the mark is ahead of that, the log was emptied and begun
-- anew, and all of it is news.
function ops.endsSince(mark)
  local ended = base .. 'ended'
  local last = redis.call('XREVRANGE', ended, '+', '-', 'COUNT', 1)[1]
  if not last or not mark then return {last and last[1] or '0-0', {}} end
  local from = isBefore(last[1], mark) and '-' or '(' .. mark
  return {mark, redis.call('XRANGE', ended, from, '+', 'COUNT', 1000)}
end

-- Asked for each second; written once a day.
function ops.keepEnds()
  local kept = number(redis.call('GET', base .. 'keep-ends')) or 0
  if kept < now + limits.keepsEndsLongEnough then redis.call('SET', base .. 'keep-ends', text(now + limits.keepsEndsFor)) end
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

-- Which entries takeEnds would hand out.
function ops.endsToTake(count)
  local ids = redis.call('ZRANGEBYSCORE', base .. 'later', '-inf', text(now), 'LIMIT', 0, count)
  local handed = redis.call('GET', base .. 'handed') or '0-0'
  local new = redis.call('XRANGE', base .. 'outbox', '(' .. handed, '+', 'COUNT', count - #ids) or {}
  for _, entry in ipairs(new) do ids[#ids + 1] = entry[1] end
  return ids
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
  if outcome == 'told' then return forgetEnd(key, id) end
  redis.call('ZADD', later, 'XX', outcome == 'parked' and 'inf' or text(now + tonumber(retryIn)), id)
end

function ops.releaseEnds(most)
  local ids = redis.call('ZRANGEBYSCORE', base .. 'later', 'inf', 'inf', 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    redis.call('ZADD', base .. 'later', 0, id)
    local entry = entryBy(id)
    if entry then redis.pcall('HSET', base .. 'k:' .. entry[2], 'attempts', '0') end
  end
  return #ids
end

function ops.countEnds()
  local parked = redis.call('ZCOUNT', base .. 'later', 'inf', 'inf')
  return {redis.call('XLEN', base .. 'outbox') - parked, parked}
end

-- Nobody has a list of the ends of a user's sessions; so all are looked through, a few hundred in a step.
function ops.eraseEnds(user, most, mark)
  local count, next = 0, ''
  for _, entry in ipairs(redis.call('XRANGE', base .. 'outbox', '(' .. mark, '+', 'COUNT', 300)) do
    if count == tonumber(most) then break end
    local id, key = entry[1], entry[2][2]
    next = id
    if entryOf(key) == id and redis.call('HGET', base .. 'k:' .. key, 'user') == user then
      forgetEnd(key, id)
      count = count + 1
    end
  end
  return {next, count}
end

-- How the store is kept: as is written, or else as it will be from now on. One that a release before has left has one
-- partition; what it has not noted is noted first, in portions, from one mark to the next.
function ops.open(format, partitions, mark)
  local store = redis.call('HMGET', base .. 'store', 'format', 'partitions')
  if store[1] then return {store[1], store[2], ''} end
  local isFormer = redis.call('EXISTS', base .. 'deadlines', base .. 'ended', base .. 'outbox', base .. 'keep-ends') > 0
  if isFormer then
    local found = redis.call('ZSCAN', base .. 'deadlines', mark, 'COUNT', 500)
    for i = 1, #found[2], 2 do
      local s = attempt(load, string.match(found[2][i], '^[^\n]*'))
      if s then register(s) end
    end
    if found[1] ~= '0' then return {format, '1', found[1]} end
    partitions = '1'
  end
  redis.call('HSET', base .. 'store', 'format', format, 'partitions', partitions)
  -- A process of 0.1.0, which knows no partitions, is to fail, and not to begin sessions that nobody else finds.
  if partitions ~= '1' then redis.call('SET', base .. 'deadlines', 'see ' .. base .. 'store') end
  return {format, partitions, ''}
end

return {text(real), 'done', ops[ARGV[1]](unpack(ARGV, 4))}
