import { entries } from './entry-scripts.ts'
import { bump, bumping, time } from './epoch-scripts.ts'
import { script } from './script.ts'
import type { Script } from './script.ts'

/*
 * In a cluster the lists live on other servers than the entries. They are hints: what an entry is listed under is in
 * the entry itself.
 */
/**
 * Keys: a list. Puts a name on it, unless it is empty, and makes the list live for `idleMs` at least. Replies
 * with how many are on it.
 */
export const enlist: Script = script(
  ['name', 'idleMs'],
  `${time}
local list = KEYS[1]
if name ~= '' then redis.call('ZADD', list, whole(now), name) end
local listedUntil = math.min(math.floor(now + idleMs), 9007199254740991)
if redis.call('PEXPIRETIME', list) < listedUntil then redis.call('PEXPIREAT', list, whole(listedUntil)) end
return redis.call('ZCARD', list)`,
)

/** Keys: entries. Replies with head, subject, sid and label of each, or nothing where there is none. */
export const heads: Script = script(
  ['indexes'],
  `${entries}
local reply = {}
for i, key in ipairs(KEYS) do
  local text = live(key, true)
  reply[i] = text and { text, listed(key, text) } or false
end
return reply`,
)

/** Keys: a list. Replies with at most `limit` names on it, any of those that were put there longer ago than `ageMs`. */
export const someOld: Script = script(
  ['ageMs', 'limit'],
  `${time}
local found, old = redis.call('ZRANDMEMBER', KEYS[1], limit, 'WITHSCORES'), {}
for i = 1, #found, 2 do
  if tonumber(found[i + 1]) < now - ageMs then old[#old + 1] = found[i] end
end
return old`,
)

/**
 * Keys: the state and entries of its bucket. Removes those that are listed under this hash. Replies with name, subject
 * and sid of each, and the bump that names them all, if there was any. `prefix` is how the keys of the entries begin.
 */
export const removeIfListed: Script = script(
  ['indexes', 'prefix', 'index', 'hash', ...bumping, 'bucket'],
  `${entries}${bump}
local gone, names = {}, {}
for i = 2, #KEYS do
  local key = KEYS[i]
  local text = live(key, true)
  if text then
    local subject, sid = listed(key, text)
    if (index == 'subject' and subject or sid) == hash then
      redis.call('DEL', key)
      names[#names + 1] = string.sub(key, #prefix + 1)
      gone[#gone + 1] = { names[#names], subject, sid }
    end
  end
end
if #gone == 0 then return { gone } end
return { gone, bump(KEYS[1], bucket, cjson.encode(names)) }`,
)
