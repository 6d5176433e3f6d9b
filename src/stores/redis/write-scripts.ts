import { dates, entries, heads } from './entry-scripts.ts'
import { bump, bumping } from './epoch-scripts.ts'
import { at, before, headLength, step } from './record.ts'
import { script } from './script.ts'
import type { Parameter, Script } from './script.ts'

/** A script that writes one entry. Keys: the entry, and the state where it bumps. */
export interface WriteScript extends Script {
  /** What it does, with its parameters, `key` and `state`; it ends with its reply. */
  readonly body: string
}

function write(parameters: readonly Parameter[], functions: string, body: string): WriteScript {
  return { ...script(parameters, `${functions}\nlocal key, state = KEYS[1], KEYS[2]\n${body}`), body }
}

const lifetime: readonly Parameter[] = ['idleMs', 'absoluteMs']
const listing: readonly Parameter[] = ['name', 'indexes', 'promised']
const bumped: readonly Parameter[] = ['bucket', 'names']

/** Replies with the head of the new entry and the time, or 0 where there is one already. */
export const create: WriteScript = write(
  ['capacity', 'ending', 'subject', 'sid', 'record', ...lifetime, ...listing],
  heads + dates,
  `
if live(key) then return 0 end
local instants, expiresAt, listedUntil = dated()
local head = capacity .. string.format('%016.0f', now) .. instants .. ending
local prefix = string.sub(key, 1, #key - #name)
local function enlist(index, hash)
  if indexes == '' or hash == '' then return end
  local list = indexes .. index .. ':' .. hash
  redis.call('ZADD', list, whole(now), name)
  keep(list, listedUntil)
  -- A few of those that expired leave with each that comes, so that the list cannot outgrow its entries.
  for _, other in ipairs(redis.call('ZRANDMEMBER', list, 4)) do
    if other ~= name and redis.call('EXISTS', prefix .. other) == 0 then redis.call('ZREM', list, other) end
  end
end
enlist('subject', subject)
enlist('sid', sid)
redis.call('SET', key, record, 'PXAT', whole(expiresAt))
redis.call('SETRANGE', key, 0, head)
return { head, now }`,
)

/**
 * `dating` says what of the head changes, and when the entry expires, if that changes. A value that fits is written over
 * the one before, unless that leaves half of the place empty. Nothing of a longer one stays behind.
 */
const replacing = (dating: string): string => `
local text = live(key)
if not text then return 0 end
if string.sub(text, ${at.version}) ~= version then return 2 end
local head, instants, instant = text
${dating}
local size, place = #versioned - ${headLength - before.version}, number(text, ${at.capacity})
if size > place or 2 * size < place then
  place = math.ceil(size / ${step}) * ${step}
  local rest = string.sub(head, ${before.createdAt + 1}, ${before.version})
  local blanks = string.rep(' ', place - size)
  local record = string.format('%010.0f', place) .. rest .. versioned .. blanks .. table.concat({ listed(key, text) })
  if instant then redis.call('SET', key, record, 'PXAT', instant) else redis.call('SET', key, record, 'KEEPTTL') end
else
  local surplus = number(text, ${at.length}) - size
  redis.call('SETRANGE', key, ${before.version}, versioned)
  if surplus > 0 then redis.call('SETRANGE', key, ${headLength} + size, string.rep(' ', surplus)) end
  if instant then
    redis.call('SETRANGE', key, ${before.lastSeenAt}, instants)
    redis.call('PEXPIREAT', key, instant)
  end
end
`

const renewing = replacing(`
local deadline, listedUntil
instants, deadline, listedUntil = dated()
local demanded = demand(key, text, listedUntil)
if demanded then return demanded end
head = string.sub(text, 1, ${before.lastSeenAt}) .. instants .. string.sub(text, ${before.bucket + 1})
instant = whole(deadline)
`)

const replacement: readonly Parameter[] = ['version', 'versioned']
const done = 'return { head, now }'
const doneAndBumped = 'return { head, now, bump(state, bucket, names) }'

/**
 * Versions are texts of 16 digits. Replies with the head, whose version may be the one before, and the time; 0 where
 * there is no entry, 2 where it has another version.
 */
export const replace: WriteScript = write(replacement, entries, replacing('') + done)

/** The same with a bump, which the reply ends with. */
export const replaceAndBump: WriteScript = write(
  [...replacement, ...bumped, ...bumping],
  entries + bump,
  replacing('') + doneAndBumped,
)

/**
 * A replacement with another lifetime. Replies also with 3 and what is demanded of its lists first: until when they
 * have to live, how long that is, subject and sid.
 */
export const renew: WriteScript = write([...replacement, ...lifetime, ...listing], heads + dates, renewing + done)

/** The same with a bump. */
export const renewAndBump: WriteScript = write(
  [...replacement, ...lifetime, ...bumped, ...listing, ...bumping],
  heads + dates + bump,
  renewing + doneAndBumped,
)

/** Replies with the head and the time, 0 where there is no entry, or 3 as above. */
export const extend: WriteScript = write(
  [...lifetime, ...listing],
  heads + dates,
  `
local text, expiresAt = live(key)
if not text then return 0 end
local absoluteAt = number(text, ${at.absoluteExpiresAt})
local wanted = math.min(math.floor(now + idleMs), latest)
if absoluteAt > 0 then wanted = math.min(wanted, absoluteAt) end
local rises = wanted > expiresAt
if rises then expiresAt = wanted end
local instants = string.format('%016.0f%016.0f', now, expiresAt)
if expiresAt > number(text, ${at.listedUntil}) then
  local listedUntil = slack(expiresAt, absoluteAt)
  local demanded = demand(key, text, listedUntil)
  if demanded then return demanded end
  instants = instants .. string.sub(text, ${at.absoluteExpiresAt}) .. string.format('%016.0f', listedUntil)
end
if rises then redis.call('PEXPIREAT', key, whole(expiresAt)) end
redis.call('SETRANGE', key, ${before.lastSeenAt}, instants)
local start = string.sub(text, 1, ${before.lastSeenAt}) .. instants
return { start .. string.sub(text, #start + 1), now }`,
)

/** Which of the four it takes. */
export function replacementBy(isRenewed: boolean, isBumped: boolean): WriteScript {
  if (isRenewed) return isBumped ? renewAndBump : renew
  return isBumped ? replaceAndBump : replace
}
