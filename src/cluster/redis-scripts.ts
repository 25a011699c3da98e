import { createHash } from 'node:crypto'

// What Valkey and Redis run, each in one atomic step. A value is "1", a line feed, and what it holds; 1 is the format.
// Everything is checked before anything is written, since a script that fails takes nothing back.

/** The format of what is stored; a replica refuses what a newer one wrote. */
export const FORMAT = 1

/** The log of registrations has about as many entries. */
const MAX_LOG = 10_000

/** So many generations, with so many bytes of events, are read in one step. */
const MAX_PAGE = 500
const MAX_PAGE_BYTES = 2 ** 20

/** So many generations at most lose their events when others are stored: each is of about as many bytes. */
const MAX_PRUNED = 100

/** The code with which a script fails that finds something of a newer format. Key and format follow. */
export const NEWER = 'ROLLCALLNEWER'

/** The code with which a script fails that finds something that was never written. The key follows. */
export const GARBAGE = 'ROLLCALLGARBAGE'

/** A script, by its text. */
export interface Script {
  readonly text: string
  /** SHA-1, by which a server knows a script that it has run before. */
  readonly sha: string
}

const COMMON = `
local function garbage(key) error({ err = '${GARBAGE} ' .. key }) end
local function expect(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then garbage(key) end
end
local function unwrap(key, value)
  local format, rest = string.match(value, '^([1-9]%d*)\\n(.*)$')
  if not format then garbage(key) end
  if format ~= '${FORMAT}' then error({ err = '${NEWER} ' .. key .. ' ' .. format }) end
  return rest
end
local function read(key)
  expect(key, 'string')
  local value = redis.call('GET', key)
  return value and unwrap(key, value)
end
local function now()
  local time = redis.call('TIME')
  return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
local function holder(key)
  local value = read(key)
  if not value then return nil end
  local id, name = string.match(value, '^("[^\\n]*")\\n("[^\\n]*")$')
  if not id then garbage(key) end
  return id, name
end
local function head(key)
  local value = read(key)
  if not value then return '0' end
  local generation, digest, rest = string.match(value, '^(%d+)\\n(%x+)\\n(.*)$')
  if not generation or #generation > 15 or #digest ~= 64 then garbage(key) end
  return generation, digest, rest
end
local function listed(key)
  expect(key, 'string')
  local start = redis.call('GETRANGE', key, 0, 66)
  if start == '' then return nil end
  unwrap(key, start)
  local digest = string.match(start, '^%d\\n(%x+)\\n$')
  if not digest or #digest ~= 64 then garbage(key) end
  return digest
end
`

/** Of the events of a source: the newest generation that has some. A key of something else has none. */
const EVENTS = `
local function untilOf(key)
  if redis.call('TYPE', key).ok ~= 'stream' then return '0' end
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  return last and string.match(last[1], '^%d+') or '0'
end
`

/** @param flags what the server need not refuse when it is full, or read-only */
function script(text: string, flags?: 'allow-oom' | 'no-writes'): Script {
  const whole = `#!lua${flags === undefined ? '' : ` flags=${flags}`}\n${COMMON}${text}`
  return { text: whole, sha: createHash('sha1').update(whole).digest('hex') }
}

/** KEYS replicas; ARGV id, what it says, for how long. Answers what all said that are there. */
export const MEET = script(
  `
expect(KEYS[1], 'hash')
local time = now()
local all = redis.call('HGETALL', KEYS[1])
local found, gone = {}, {}
for at = 1, #all, 2 do
  if all[at] ~= ARGV[1] then
    local till, said = string.match(unwrap(KEYS[1], all[at + 1]), '^(%d+)\\n(.*)$')
    if not till then garbage(KEYS[1]) end
    if tonumber(till) > tonumber(time) then found[#found + 1] = said else gone[#gone + 1] = all[at] end
  end
end
for _, id in ipairs(gone) do redis.call('HDEL', KEYS[1], id) end
redis.call('HSET', KEYS[1], ARGV[1], '${FORMAT}\\n' .. string.format('%.0f', time + ARGV[3]) .. '\\n' .. ARGV[2])
found[#found + 1] = ARGV[2]
return found`,
  'allow-oom',
)

/** KEYS lease, head, events; ARGV id, name, whether it is wanted, for how long. Answers holder, generation, time, and until when there are events. */
export const LOOK = script(
  `${EVENTS}
local id, name = holder(KEYS[1])
local generation = head(KEYS[2])
if id == ARGV[1] or (not id and ARGV[3] == '1') then
  redis.call('SET', KEYS[1], '${FORMAT}\\n' .. ARGV[1] .. '\\n' .. ARGV[2], 'PX', ARGV[4])
  id, name = ARGV[1], ARGV[2]
end
return { id or '', name or '', generation, now(), untilOf(KEYS[3]) }`,
  'allow-oom',
)

/** KEYS lease; ARGV id. */
export const RELEASE = script(
  `
if holder(KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'released'`,
  'allow-oom',
)

/**
 * KEYS lease, head, list, events; ARGV base, id or nothing, generation, digest, head, channel, message, how many lists
 * follow, and they, and maybe events, since when and how many bytes of them are kept. An entry says how many bytes there
 * ever were up to it: the oldest ones go whole by XADD, so that users need no other right than before.
 */
export const PUBLISH = script(`
local generation = head(KEYS[2])
local digest = listed(KEYS[3])
if ARGV[2] ~= '' and holder(KEYS[1]) ~= ARGV[2] then return 'refused' end
if generation ~= ARGV[1] or tonumber(ARGV[3]) <= tonumber(generation) then return 'refused' end
local rest = 9 + ARGV[8]
if digest ~= ARGV[4] then
  if ARGV[8] == '0' then return 'needs_list' end
  redis.call('SET', KEYS[3], '${FORMAT}\\n' .. ARGV[4] .. '\\n' .. ARGV[9])
end
redis.call('SET', KEYS[2], '${FORMAT}\\n' .. ARGV[3] .. '\\n' .. ARGV[4] .. '\\n' .. ARGV[5])
local function total(entry) return tonumber(entry and entry[2][4]) or 0 end
local function remember(events, since, most)
  local last = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
  local sum = total(last) + #events
  local from = since
  for _, entry in ipairs(redis.call('XRANGE', KEYS[4], since, '+', 'COUNT', ${MAX_PRUNED})) do
    if sum - total(entry) + #(entry[2][6] or '') <= tonumber(most) then break end
    from = string.match(entry[1], '^%d+') + 1
  end
  redis.call(
    'XADD', KEYS[4], 'MINID', string.format('%.0f', from), string.format('%.0f', ARGV[3]) .. '-0',
    'format', '${FORMAT}', 'total', string.format('%.0f', sum), 'events', events
  )
end
if ARGV[rest] then pcall(remember, ARGV[rest], ARGV[rest + 1], ARGV[rest + 2]) end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'published'`)

/** KEYS events; ARGV the generation before the first. Answers events, each with its generation and its format. */
export const EVENTS_AFTER = script(
  `
expect(KEYS[1], 'stream')
local found, bytes = {}, 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], string.format('%.0f', ARGV[1] + 1), '+', 'COUNT', ${MAX_PAGE})) do
  local fields = entry[2]
  if fields[1] ~= 'format' then garbage(KEYS[1]) end
  local events = fields[6] or ''
  bytes = bytes + #events
  if #found > 0 and bytes > ${MAX_PAGE_BYTES} then break end
  found[#found + 1] = { string.match(entry[1], '^%d+'), fields[2], events }
end
return found`,
  'no-writes',
)

/** KEYS head, list, events; ARGV the digest that is known. Answers generation, digest, head, how many bytes the list has (-1: it is known, or gone), and until when there are events. */
export const TAKE = script(
  `${EVENTS}
local generation, digest, rest = head(KEYS[1])
if generation == '0' then return {} end
local size = -1
local found = digest ~= ARGV[1] and listed(KEYS[2])
if found then
  if found ~= digest then garbage(KEYS[2]) end
  size = redis.call('STRLEN', KEYS[2]) - 67
end
return { generation, digest, rest, size, untilOf(KEYS[3]) }`,
  'no-writes',
)

/** KEYS list; ARGV digest, first and last byte. Answers a part of the list, or nothing when it is another by now. */
export const PART = script(
  `
if listed(KEYS[1]) ~= ARGV[1] then return false end
return redis.call('GETRANGE', KEYS[1], ARGV[2] + 67, ARGV[3] + 67)`,
  'no-writes',
)

const REGISTRATIONS = `
expect(KEYS[1], 'hash')
expect(KEYS[2], 'zset')
expect(KEYS[3], 'stream')
local time = now()
local function log(...) redis.call('XADD', KEYS[3], 'MAXLEN', '~', '${MAX_LOG}', '*', ...) end
local function leave(id, ...)
  redis.call('ZREM', KEYS[2], id)
  if redis.call('HDEL', KEYS[1], id) == 0 then return false end
  log('${FORMAT}', id, ...)
  return true
end
`

/** KEYS instances, heard, log; ARGV channel, message, how many changes, id and line of each, then who was heard. Answers who of these is missing. */
export const REGISTER = script(`${REGISTRATIONS}
local news = false
local from = 4 + 2 * ARGV[3]
for at = 4, from - 1, 2 do
  local id, line = ARGV[at], ARGV[at + 1]
  if line == '' then
    news = leave(id) or news
  else
    if redis.call('HGET', KEYS[1], id) ~= line then
      redis.call('HSET', KEYS[1], id, line)
      log('${FORMAT}', id, 'line', string.sub(line, 3))
      news = true
    end
    redis.call('ZADD', KEYS[2], time, id)
  end
end
local missing = {}
for start = from, #ARGV, 1000 do
  local ids, scores = {}, {}
  for at = start, math.min(start + 999, #ARGV) do
    ids[#ids + 1] = ARGV[at]
    scores[#scores + 1] = time
    scores[#scores + 1] = ARGV[at]
  end
  for at, score in ipairs(redis.call('ZMSCORE', KEYS[2], unpack(ids))) do
    if not score then missing[#missing + 1] = ids[at] end
  end
  redis.call('ZADD', KEYS[2], 'XX', unpack(scores))
end
if news then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return missing`)

/** KEYS instances, heard, log, lease; ARGV channel, message, id of the replica, since when, then ids. */
export const EXPIRE = script(
  `${REGISTRATIONS}
local ended, news = {}, false
if holder(KEYS[4]) ~= ARGV[3] then return ended end
for at = 5, #ARGV do
  local heard = redis.call('ZSCORE', KEYS[2], ARGV[at])
  if not heard or tonumber(heard) <= tonumber(ARGV[4]) then
    if leave(ARGV[at], 'ending', 'expired') then news = true end
    ended[#ended + 1] = ARGV[at]
  end
end
if news then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return ended`,
  'allow-oom',
)

/** KEYS instances, log; ARGV position or nothing. Answers the last position, and entries of the log or everything. */
export const CHANGES = script(
  `
expect(KEYS[1], 'hash')
expect(KEYS[2], 'stream')
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
last = last and last[1] or '0'
if ARGV[1] ~= '' and #redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1]) == 1 then
  return { last, 'changes', redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+') }
end
return { last, 'whole', redis.call('HGETALL', KEYS[1]) }`,
  'no-writes',
)

/** KEYS log. Answers how old its first entry is. */
export const KNOWN_FOR = script(
  `
expect(KEYS[1], 'stream')
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return first and math.max(0, now() - tonumber(string.match(first[1], '^%d+'))) or 0`,
  'no-writes',
)

/** KEYS heard; ARGV since when. Answers the time, then ids. */
export const HEARD = script(
  `
expect(KEYS[1], 'zset')
return { now(), redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf') }`,
  'no-writes',
)
