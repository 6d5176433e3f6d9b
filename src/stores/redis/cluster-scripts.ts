import { entries } from './entry-scripts.ts'
import { bump, bumping, time } from './epoch-scripts.ts'
import { at, headLength } from './record.ts'
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
  if text then
    local hashes, subject = listing(key, text), number(text, ${at.subject})
    local sid = subject + number(text, ${at.sid})
    reply[i] = { string.sub(text, 1, ${headLength}), string.sub(hashes, 1, subject), string.sub(hashes, subject + 1, sid),
      string.sub(hashes, sid + 1) }
  else
    reply[i] = false
  end
end
return reply`,
)

/** Keys: the entry and the state. Removes an entry that is listed under this hash. Replies as `remove` does. */
export const removeIfListed: Script = script(
  ['indexes', 'index', 'hash', ...bumping, 'bucket', 'names'],
  `${entries}${bump}
local key = KEYS[1]
local text = live(key, true)
if not text then return { 0 } end
local hashes, subject = listing(key, text), number(text, ${at.subject})
local own = { subject = string.sub(hashes, 1, subject),
  sid = string.sub(hashes, subject + 1, subject + number(text, ${at.sid})) }
if own[index] ~= hash then return { 0 } end
redis.call('DEL', key)
return { 1, bump(KEYS[2], bucket, names), { own.subject, own.sid } }`,
)
