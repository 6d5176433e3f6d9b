import { dates, heads } from './entry-scripts.ts'
import { bump, bumping } from './epoch-scripts.ts'
import { script } from './script.ts'
import type { Parameter, Script } from './script.ts'
import { create, extend, renew, renewAndBump, replace, replaceAndBump } from './write-scripts.ts'
import type { WriteScript } from './write-scripts.ts'

const writes: readonly WriteScript[] = [create, replace, replaceAndBump, renew, renewAndBump, extend]

/** What is said once for all the writes. */
export const common: readonly Parameter[] = ['indexes', 'promised', ...bumping]

/** What is said of each write, after its number. */
export function ownOf({ parameters }: WriteScript): Parameter[] {
  return parameters.filter((name) => !common.includes(name))
}

export function numberOf(write: WriteScript): number {
  return writes.indexOf(write) + 1
}

const locals = new Set(writes.flatMap(ownOf))

const functions = writes.map((write) => {
  const own = ownOf(write)
  const values = own.map((_, i) => `ARGV[at + ${i + 1}]`)
  return `function()
${own.join(', ')} = ${values.join(', ')}
at = at + ${own.length}
${write.body}
end`
})

/**
 * Keys: the state, and an entry for each write. The arguments of each follow one another. Replies with what each would
 * reply alone, or with the text of the error.
 */
export const together: Script = script(
  common,
  `
local ${[...locals].join(', ')}
${heads}${dates}${bump}
local key, state, at = '', KEYS[1], ${common.length}
local writes = {
${functions.join(',\n')}
}
local replies = {}
for i = 2, #KEYS do
  key, at = KEYS[i], at + 1
  local isDone, reply = pcall(writes[tonumber(ARGV[at])])
  replies[i - 1] = isDone and reply or type(reply) == 'table' and reply.err or tostring(reply)
end
return replies`,
)
