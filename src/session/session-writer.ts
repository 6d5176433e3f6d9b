import type { CacheEntry } from '../cache/entry.ts'
import type { Partition } from '../cache/partition.ts'
import type { Writes } from '../cache/writes.ts'
import { SallyportError } from '../shared/errors.ts'
import { assertSessionData } from './json.ts'
import { deepFreeze, type SessionRecord } from './record.ts'
import { changedTooOften, sessionEnded } from './session-errors.ts'
import type { SessionData } from './tokens.ts'

type Entry = CacheEntry<SessionRecord>

/** Changes the application's data by compare-and-set; `change` runs again on what a faster writer left. */
export async function updateData(
  { text, key }: Entry,
  change: (draft: SessionData) => SessionData | void,
  { partition, writes }: { partition: Partition<SessionRecord>; writes: Writes<SessionRecord> },
): Promise<Entry> {
  let hasLost = false
  const written = await writes.inTurn(key, async () => {
    // Whoever lost was working on what memory had: the next try starts from the store.
    const inMemory = hasLost ? undefined : partition.serve(text)
    const base = inMemory ?? (await partition.load(text, key, true)).entry
    if (base === undefined) throw sessionEnded()
    hasLost = true
    const record = deepFreeze({ ...base.value, data: changed(base.value.data, change) })
    const replaced = await writes.replace(base, record, { bump: true })
    if (replaced === 'absent') throw sessionEnded()
    return replaced === 'conflict' ? undefined : replaced
  })
  if (written === undefined) throw changedTooOften()
  return written
}

function changed(data: SessionData, change: (draft: SessionData) => SessionData | void): SessionData {
  const draft = structuredClone(data)
  const result: unknown = change(draft) ?? draft
  if (result instanceof Promise) {
    // Nobody waits for it: left alone, its rejection would end the process.
    result.catch(() => {})
    throw new SallyportError('ERR_SESSION_DATA', 'a function given to `update` must not be async: it may run again')
  }
  assertSessionData(result)
  // What memory holds must be what the store would give back, and nobody else's to change.
  return JSON.parse(JSON.stringify(result)) as SessionData
}
