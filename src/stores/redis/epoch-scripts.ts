import { script } from './script.ts'
import type { Parameter, Script } from './script.ts'

/** The beginning of every script: what it needs to know the time. */
export const time: string = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(n) return string.format('%.0f', n) end
`

/** The parameters of `bump`. */
export const bumping: readonly Parameter[] = ['candidate', 'publish', 'channel', 'remembered']

/**
 * `state` holds the epochs: per bucket its number and the last bumps, one JSON text a line; their sum and the
 * greatest of them; and who the store is. `channel` is where bumps are announced, and `publish` the command that does it;
 * it is empty where nobody is told.
 */
export const bump: string = `
local function bump(state, bucket, keys)
  local found = redis.call('HMGET', state, 'incarnation', 'n:' .. bucket, 'recent:' .. bucket, 'sum', 'max')
  local incarnation = found[1] or candidate
  local prev = tonumber(found[2] or 0)
  local n = math.max(prev + 1, now)
  local text = '[' .. bucket .. ',' .. whole(prev) .. ',' .. whole(n) .. ',' .. keys .. ']'
  -- The oldest of the remembered ones is forgotten.
  local recent, cut = found[3] or '', 0
  for _ = 2, remembered do cut = cut and string.find(recent, '\\n', cut + 1, true) end
  if cut then recent = string.sub(recent, 1, cut - 1) end
  recent = recent == '' and text or text .. '\\n' .. recent
  redis.call('HSET', state, 'incarnation', incarnation, 'n:' .. bucket, whole(n), 'recent:' .. bucket, recent,
    'sum', whole(tonumber(found[4] or 0) + n - prev), 'max', whole(math.max(tonumber(found[5] or 0), n)))
  -- Best effort: whoever may not publish has been told at the start.
  if channel ~= '' then redis.pcall(publish, channel, incarnation .. '\\n' .. text) end
  return { incarnation, text }
end
`

/*
 * A server that started anew, or another one that took its place, may have forgotten what was acknowledged. Its run ID
 * tells, and the store gets a new identity, at which everybody clears memory.
 */
const identity = `${time}
local function identify(state)
  local info = redis.call('INFO', 'server', 'replication')
  if string.match(info, 'role:(%a+)') ~= 'master' then error({ err = 'READONLY the server is a replica' }) end
  local run = string.match(info, 'run_id:(%w+)')
  local known = redis.call('HMGET', state, 'incarnation', 'run', 'buckets', 'maxStalenessMs', 'layout')
  if known[3] and known[3] ~= buckets then error({ err = 'MISMATCH buckets ' .. known[3] }) end
  if known[5] and known[5] ~= layout then error({ err = 'MISMATCH layout ' .. known[5] }) end
  local max = math.max(tonumber(known[4] or 0), tonumber(maxStalenessMs))
  -- A bump before the first poll made an identity without a run ID, which nobody has relied on yet.
  local isSame = known[1] and (known[2] or run) == run
  local incarnation = isSame and known[1] or candidate
  if not isSame or not known[2] or tonumber(known[4] or -1) < max then
    -- After a deletion, even of nothing, a script may write although the memory is full.
    redis.call('HDEL', state, 'none')
    redis.call('HSET', state, 'incarnation', incarnation, 'run', run, 'buckets', buckets, 'layout', layout,
      'maxStalenessMs', whole(max))
  end
  return incarnation, max
end
`

const identifying: readonly Parameter[] = ['candidate', 'buckets', 'layout', 'maxStalenessMs']

/** Keys: the state. Replies with the incarnation. */
export const open: Script = script(
  identifying,
  `${identity}
return (identify(KEYS[1]))`,
)

/**
 * Keys: the state, of the buckets from `first` on. Replies with the server's time alone if the sum and the greatest of the numbers are those known,
 * and so is the identity. That means that every number is as known: numbers only rise, so equal sums leave no room for
 * a difference; and should the server have fallen back to an older state, any bump since is not below its clock, and
 * so above the greatest that was known.
 *
 * Else replies with 0 if nothing is known of the single numbers, or with all there is: time, incarnation, the greatest
 * staleness, the numbers, and the last bumps of each bucket that is above what is known, newest first.
 */
export const epochs: Script = script(
  [...identifying, 'first', 'incarnation', 'knownStalenessMs', 'sum', 'max', 'known'],
  `${identity}
local state = KEYS[1]
local current, staleness = identify(state)
local totals = redis.call('HMGET', state, 'sum', 'max')
if current == incarnation and staleness == tonumber(knownStalenessMs)
  and (totals[1] or '0') == sum and (totals[2] or '0') == max then return now end
if known == '' then return 0 end
local bucket, numbers, recent = tonumber(first), {}, {}
for seen in string.gmatch(known, '[^,]+') do
  local n = redis.call('HGET', state, 'n:' .. bucket) or '0'
  numbers[#numbers + 1] = n
  if tonumber(n) > tonumber(seen) then recent[#recent + 1] = redis.call('HGET', state, 'recent:' .. bucket) end
  bucket = bucket + 1
end
return { now, current, staleness, table.concat(numbers, ','), recent }`,
)
