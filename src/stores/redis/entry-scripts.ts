import { bump, bumping, time } from './epoch-scripts.ts'
import { at, headLength } from './record.ts'
import { script } from './script.ts'
import type { Script } from './script.ts'

/*
 * What happens to an entry, its lists and its bucket's epoch happens in one of these scripts, by the clock of the
 * server. `indexes` is how the keys of lists begin; it is empty in a cluster, where they live on other servers: there
 * the lists are seen to before and after, by whoever runs the script.
 *
 * Heads of entries stay texts as far as possible, and values are not touched: making texts is most of what a script
 * costs. See `record.ts` for the layout.
 */

/** For those who write no lists. */
export const heads: string = `${time}
local function number(text, from, to) return tonumber(string.sub(text, from, to)) end
-- The head of a live entry, and its deadline. With \`whatever\`, what is no entry is as good as nothing:
-- nobody can read it, and it may go.
local function live(key, whatever)
  local text = redis.call('GETRANGE', key, 0, ${headLength - 1})
  if text == '' then return nil end
  local expiresAt = number(text, ${at.expiresAt})
  if not expiresAt or #text < ${headLength} then
    if whatever then return nil end
    error({ err = 'CORRUPT a key holds what is no entry' })
  end
  if expiresAt <= now then return nil end
  return text, expiresAt
end
`

const listings = `
-- What an entry is listed under: subject, sid and label.
local function listed(key, text)
  local length, start = number(text, ${at.listing}), ${headLength} + number(text, ${at.capacity})
  if length == 0 then return '', '', '' end
  local texts, subject = redis.call('GETRANGE', key, start, start + length - 1), number(text, ${at.subject})
  local sid = subject + number(text, ${at.sid})
  return string.sub(texts, 1, subject), string.sub(texts, subject + 1, sid), string.sub(texts, sid + 1)
end
local function lists(subject, sid)
  local found = {}
  if indexes ~= '' and subject ~= '' then found[1] = indexes .. 'subject:' .. subject end
  if indexes ~= '' and sid ~= '' then found[#found + 1] = indexes .. 'sid:' .. sid end
  return found
end
local function delete(key, name, its)
  for _, list in ipairs(its) do redis.call('ZREM', list, name) end
  redis.call('DEL', key)
end
`

export const entries: string = heads + listings

/** A list lives as long as any of its entries may, and a little longer, so that not every extension has to see to it. */
export const dates: string = `${listings}
local latest = 9007199254740991
local function slack(expiresAt, absoluteAt)
  local listedUntil = math.min(expiresAt + idleMs, latest)
  return absoluteAt > 0 and math.min(listedUntil, absoluteAt) or listedUntil
end
local function keep(list, listedUntil)
  if redis.call('PEXPIRETIME', list) < listedUntil then redis.call('PEXPIREAT', list, whole(listedUntil)) end
end
-- Makes the lists of an entry live for as long; or says which lists have to, where somebody else has to do it first. A
-- server that may evict may have evicted a list and kept the entry, which then gets back on it.
local function demand(key, text, listedUntil)
  if listedUntil <= number(text, ${at.listedUntil}) then return nil end
  local subject, sid = listed(key, text)
  for _, list in ipairs(lists(subject, sid)) do
    if not redis.call('ZSCORE', list, name) then redis.call('ZADD', list, string.sub(text, ${at.createdAt}), name) end
    keep(list, listedUntil)
  end
  if indexes ~= '' or listedUntil <= tonumber(promised) or subject .. sid == '' then return nil end
  return { 3, listedUntil, listedUntil - now, subject, sid }
end
-- The four instants of a head that a lifetime decides, and the deadline.
local function dated()
  local expiresAt, absoluteAt = math.min(math.floor(now + idleMs), latest), 0
  if absoluteMs ~= '' then
    absoluteAt = math.min(math.floor(now + absoluteMs), latest)
    expiresAt = math.min(expiresAt, absoluteAt)
  end
  local listedUntil = slack(expiresAt, absoluteAt)
  return string.format('%016.0f%016.0f%016.0f%016.0f', now, expiresAt, absoluteAt, listedUntil), expiresAt, listedUntil
end
`

/** Keys: the entry. Replies with all of it, or nothing. */
export const take: Script = script(
  ['indexes', 'name'],
  `${entries}
local key = KEYS[1]
local text = live(key)
if not text then return false end
local record = redis.call('GET', key)
delete(key, name, lists(listed(key, text)))
return record`,
)

/**
 * Keys: the entry and the state. `version` is a text of 16 digits, or empty where any will do. Replies with how many
 * were removed and the bump, if there was one.
 */
export const remove: Script = script(
  ['indexes', 'name', 'version', ...bumping, 'bucket', 'names'],
  `${entries}${bump}
local key = KEYS[1]
local text = live(key, version == '')
if version ~= '' and not (text and string.sub(text, ${at.version}) == version) then return { 0 } end
local subject, sid = '', ''
if text then subject, sid = listed(key, text) end
delete(key, name, lists(subject, sid))
local reply = { text and 1 or 0, bump(KEYS[2], bucket, names) }
if text and indexes == '' then reply[3] = { subject, sid } end
return reply`,
)

const isIn = `
local function isIn(list, its)
  for _, other in ipairs(its) do if other == list then return true end end
  return false
end
`

/** Keys: the state and the lists. Replies with how many were removed and one bump per bucket. */
export const removeListed: Script = script(
  ['indexes', 'prefix', 'except', 'maxNamed', ...bumping],
  `${entries}${bump}${isIn}
local removed, buckets, named = 0, {}, {}
for i = 2, #KEYS do
  for _, name in ipairs(redis.call('ZRANGE', KEYS[i], 0, -1)) do
    local key = prefix .. name
    local text = name ~= except and live(key, true)
    local its = text and lists(listed(key, text)) or {}
    if isIn(KEYS[i], its) then
      delete(key, name, its)
      removed = removed + 1
      local bucket = number(text, ${at.bucket})
      if not named[bucket] then
        named[bucket] = {}
        buckets[#buckets + 1] = bucket
      end
      table.insert(named[bucket], name)
    elseif name ~= except then
      redis.call('ZREM', KEYS[i], name)
    end
  end
end
table.sort(buckets)
local reply = { removed }
for _, bucket in ipairs(buckets) do
  local names = #named[bucket] > tonumber(maxNamed) and '"*"' or cjson.encode(named[bucket])
  reply[#reply + 1] = bump(KEYS[1], whole(bucket), names)
end
return reply`,
)

/**
 * Keys: the lists. Replies with names, heads and labels in turn. All entries of the moment `from` are among them, and
 * of the later ones at least `limit` per list, if there are as many.
 */
export const page: Script = script(
  ['indexes', 'prefix', 'from', 'limit'],
  `${entries}${isIn}
local reply = {}
for _, list in ipairs(KEYS) do
  local offset, count, gone, found = 0, 0, {}
  repeat
    found = redis.call('ZRANGE', list, from, '+inf', 'BYSCORE', 'LIMIT', offset, 200)
    offset = offset + 200
    for _, name in ipairs(found) do
      local key = prefix .. name
      local text = live(key, true)
      local subject, sid, label = '', '', ''
      if text then subject, sid, label = listed(key, text) end
      if isIn(list, lists(subject, sid)) then
        reply[#reply + 1] = name
        reply[#reply + 1] = text
        reply[#reply + 1] = label
        if number(text, ${at.createdAt}) > tonumber(from) then count = count + 1 end
      else
        gone[#gone + 1] = name
      end
    end
  until #found < 200 or count >= tonumber(limit)
  for _, name in ipairs(gone) do redis.call('ZREM', list, name) end
end
return reply`,
)
