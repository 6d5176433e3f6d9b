import type { CacheEntry } from '../cache/entry.ts'
import type { Partition } from '../cache/partition.ts'
import type { Writes } from '../cache/writes.ts'
import { SallyportError } from '../shared/errors.ts'
import { assertSessionData } from './json.ts'
import { deepFreeze, type SessionRecord } from './record.ts'
import { sessionEnded } from './session-errors.ts'
import type { SessionData } from './tokens.ts'

type Entry = CacheEntry<SessionRecord>

const maxTries = 20

/** Changes the application's data by compare-and-set; `change` runs again on what a faster writer left. */
export async function updateData(
  entry: Entry,
  change: (draft: SessionData) => SessionData | void,
  { partition, writes }: { partition: Partition<SessionRecord>; writes: Writes<SessionRecord> },
): Promise<Entry> {
  let base: Entry | undefined = entry
  for (let tries = 0; tries < maxTries && base !== undefined; tries++) {
    const data = changed(base.value.data, change)
    const written: Entry | 'conflict' | 'absent' = await writes.replace(base, deepFreeze({ ...base.value, data }), {
      bump: true,
    })
    if (written === 'absent') throw sessionEnded()
    if (written !== 'conflict') return written
    base = (await partition.load(entry.text, entry.key, true)).entry
  }
  if (base === undefined) throw sessionEnded()
  throw new SallyportError('ERR_SESSION_CONFLICT', `session data was changed by others ${maxTries} times in a row`)
}

function changed(data: SessionData, change: (draft: SessionData) => SessionData | void): SessionData {
  const draft = structuredClone(data)
  const result = change(draft) ?? draft
  assertSessionData(result)
  // What memory holds must be what the store would give back, and nobody else's to change.
  return JSON.parse(JSON.stringify(result)) as SessionData
}
